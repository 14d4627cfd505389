"""Asks a Prometheus, for `verify` and `render`. Standard library only."""
import json
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 30


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def instant(self, expression, time=None):
        """[(labels, value)] at this time (now); ValueError with Prometheus' message when it refuses."""
        result = self._ask("query", query=expression, **({"time": time} if time else {}))
        if result["resultType"] == "scalar":
            return [({}, float(result["result"][1]))]
        return [(each["metric"], float(each["value"][1])) for each in result["result"]]

    def over(self, expression, start, end, step):
        """[(labels, [(time, value)])] from start to end, in seconds since 1970; ValueError as above."""
        result = self._ask("query_range", query=expression, start=start, end=end, step=step)
        return [(each["metric"], [(float(time), float(value)) for time, value in each["values"]]) for each in result["result"]]

    def _ask(self, what, **words):
        data = urllib.parse.urlencode(words).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", data=data, timeout=TIMEOUT_S) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode(errors="replace").strip()) from error
