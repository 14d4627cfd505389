#!/usr/bin/env python3
"""dashboards/verify and render against a Prometheus that answers what each test wants, and what dashboards/check finds wrong."""
import contextlib
import html
import http.server
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
sys.path.insert(0, str(FOLDER))
import drawing  # noqa: E402
import queries  # noqa: E402


def script(name):
    loader = importlib.machinery.SourceFileLoader(name, str(FOLDER / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


verify, check = script("verify"), script("check")


class FakePrometheus:
    """Knows some metrics; `results` overrides the values for whole expressions."""

    def __init__(self, metrics=(), results=None):
        self.metrics, self.results = set(metrics), results or {}

    def instant(self, expression):
        if expression in self.results:
            return [({}, value) for value in self.results[expression]]
        return [({}, 1.0)] if all(metric in self.metrics for metric, _ in queries.selectors(expression)) else []


class Verdicts(unittest.TestCase):
    def test_a_query_with_values_has_data_and_its_series_are_counted(self):
        two = FakePrometheus(["ballast_alarms"], {"ballast_alarms": [0.0, 3.0]})
        self.assertEqual(verify.verdict_of_panel(two, "ballast_alarms"), ("data", "2 series"))

    def test_a_panel_may_only_be_empty_for_a_reason_that_it_gives(self):
        self.assertEqual(verify.verdict_of_panel(FakePrometheus(), "ballast_vm_info", "per_vm is off"), ("empty", "0 series: per_vm is off"))
        self.assertEqual(verify.verdict_of_panel(FakePrometheus(), "ballast_vm_info"), ("MISSING", "0 series; none of ballast_vm_info"))
        quiet = FakePrometheus(["ballast_alarms"], {"ballast_alarms > 0": []})
        self.assertEqual(verify.verdict_of_panel(quiet, "ballast_alarms > 0"), ("MISSING", "0 series"))

    def test_a_result_that_is_not_a_number_is_no_data(self):
        mean = "ballast_alarms / ballast_hosts"
        nothing = FakePrometheus(["ballast_alarms", "ballast_hosts"], {mean: [float("nan")]})
        self.assertEqual(verify.verdict_of_panel(nothing, mean)[0], "MISSING")

    def test_a_series_that_is_not_there_is_missing_even_if_others_give_data(self):
        some = FakePrometheus(["ballast_alarms"], {"ballast_alarms or ballast_gone": [0.0]})
        self.assertEqual(verify.verdict_of_panel(some, "ballast_alarms or ballast_gone"), ("MISSING", "1 series; none of ballast_gone"))

    def test_an_alert_that_does_not_fire_is_quiet_and_one_that_does_is_told(self):
        quiet = FakePrometheus(["ballast_alarms"], {"ballast_alarms > 0": []})
        self.assertEqual(verify.verdict_of_alert(quiet, "ballast_alarms > 0")[0], "quiet")
        self.assertEqual(verify.verdict_of_alert(FakePrometheus(["ballast_alarms"]), "ballast_alarms > 0")[0], "data")

    def test_an_alert_may_be_about_what_is_not_there_only_if_it_is_optional(self):
        self.assertEqual(verify.verdict_of_alert(FakePrometheus(), "ballast_cluster_registered == 0")[0], "optional")
        self.assertEqual(verify.verdict_of_alert(FakePrometheus(), 'up{job="ballast"} == 0'), ("MISSING", 'none of up{job="ballast"}'))

    def test_a_query_that_prometheus_refuses_is_missing(self):
        class Refusing:
            def instant(self, expression):
                raise ValueError("parse error")
        self.assertEqual(verify.verdict_of_panel(Refusing(), "sum(", "a reason"), ("MISSING", "parse error"))
        self.assertEqual(verify.verdict_of_alert(Refusing(), "sum("), ("MISSING", "parse error"))


class HttpPrometheus(http.server.BaseHTTPRequestHandler):
    """Has no series of Ballast's, or with `rich` one of host1 for whatever it is asked."""

    rich = False

    def do_POST(self):
        words = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        labels = {name: "host1" for name in ("host", "name", "instance")}
        result = [{"metric": labels, "value": [0, "1"]}] if self.rich or "ballast" not in words["query"][0] else []
        if self.path.endswith("query_range"):
            start, end = (float(words[name][0]) for name in ("start", "end"))
            result = [{"metric": labels, "values": [[start, "1"], [(start + end) / 2, "NaN"], [end, "3"]]} for _ in result]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(rich):
    """The address of such a Prometheus."""
    handler = type("Handler", (HttpPrometheus,), {"rich": rich})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(program, *arguments):
    return subprocess.run([sys.executable, str(FOLDER / program), *arguments], capture_output=True, text=True, check=False)


class WholeProgram(unittest.TestCase):
    def test_a_prometheus_without_ballast_fails_and_every_query_is_named(self):
        with serving(rich=False) as url:
            done = run("verify", url)
        self.assertEqual(done.returncode, 1)
        self.assertIn("MISSING  alert BallastAlarm: none of ballast_alarms", done.stdout)
        self.assertIn("MISSING  ballast-overview.json: CPU demand: 0 series; none of ballast_host_cpu_demand_ratio", done.stdout)
        self.assertIn("empty    ballast-vm.json: variable vm: 0 series: Needs metrics.per_vm", done.stdout)

    def test_a_prometheus_that_has_everything_passes(self):
        with serving(rich=True) as url:
            done = run("verify", url)
        self.assertEqual((done.returncode, re.findall("MISSING|empty|optional", done.stdout)), (0, []), done.stdout)

    def test_a_prometheus_that_is_not_there_is_told(self):
        done = run("verify", "http://127.0.0.1:1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot reach", done.stderr)


class Rendering(unittest.TestCase):
    def drawn(self, uid, rich, *options):
        with tempfile.TemporaryDirectory() as folder, serving(rich) as url:
            out = pathlib.Path(folder) / "out.html"
            done = run("render", *options, uid, url, str(out))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return out.read_text()

    def test_each_panel_is_drawn_with_its_title_and_its_series(self):
        for _, each in queries.dashboards():
            text = self.drawn(each["uid"], True, "--set", "host=host1")
            panels = [panel for panel in queries.panels(each) if panel["type"] != "row"]
            self.assertEqual(text.count('<div class="panel"'), len(panels))
            for panel in panels:
                self.assertIn(html.escape(panel["title"]), text)
            self.assertIn("host1", text)
            self.assertIsNone(re.search(r"\bnan\b", text.lower()))
            self.assertIn("not by Grafana", text)

    @unittest.skipUnless(shutil.which("chromium"), "chromium is missing (tools/packages build)")
    def test_a_picture_is_a_png_of_the_whole_dashboard(self):
        with tempfile.TemporaryDirectory() as folder, serving(rich=True) as url:
            out = pathlib.Path(folder) / "out.png"
            done = run("render", "--row", "Where it was", "ballast-vm", url, str(out))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            head = out.read_bytes()[:24]
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", head[16:]), (1040, 20 + 9 * 24))  # a title, and panels of 8 units

    def test_a_panel_without_data_says_why(self):
        text = self.drawn("ballast-vm", False)
        self.assertIn("metrics.per_vm is off, or no such VM runs", text)
        self.assertIn("it did not move", text)

    def test_only_the_rows_asked_for_are_drawn(self):
        text = self.drawn("ballast-vm", True, "--row", "Where it was")
        self.assertIn("Where it ran", text)
        self.assertNotIn("Waits for a CPU", text)

    def test_a_dashboard_or_a_prometheus_that_is_not_there_is_told(self):
        unknown = run("render", "ballast-none", "http://127.0.0.1:1", "out.html")
        self.assertEqual((unknown.returncode, "ballast-overview" in unknown.stderr), (2, True))
        silent = run("render", "ballast-vm", "http://127.0.0.1:1", "out.html")
        self.assertEqual((silent.returncode, silent.stderr.startswith("render: ")), (1, True))

    def test_figures_have_units_that_people_read(self):
        cases = [(0.5, "percentunit", "50 %"), (1.5 * 2**30, "bytes", "1.5 GiB"), (2**20, "Bps", "1 MiB/s"), (0.012, "s", "12 ms"), (90, "s", "1.5 min"),
                 (0.75, "cores", "0.75 cores"), (1500, "watt", "1.5 kW"), (0.25, "kwatth", "250 Wh"), (3, "short", "3"), (float("nan"), "short", "-")]
        for value, unit, text in cases:
            self.assertEqual(drawing.text_of(value, unit), text)


def dashboard(*places, expr="ballast_alarms"):
    panels = [{"id": number, "type": "stat", "title": f"p{number}", "description": "d",
               "datasource": {"uid": "${datasource}"}, "gridPos": dict(zip("xywh", place)),
               "targets": [{"refId": "A", "expr": expr}]} for number, place in enumerate(places)]
    return {"uid": "u", "title": "t", "schemaVersion": 39, "time": {}, "templating": {"list": []}, "panels": panels}


class Checks(unittest.TestCase):
    known = {"ballast_alarms": ("gauge", set()), "ballast_hosts": ("gauge", {"state"}), "ballast_d_seconds": ("histogram", set())}

    def problems(self, *places, **changes):
        return list(check.dashboard_problems(dashboard(*places, **changes), self.known))

    def test_panels_side_by_side_are_fine(self):
        self.assertEqual(self.problems((0, 0, 12, 4), (12, 0, 12, 4), (0, 4, 24, 2)), [])

    def test_panels_that_overlap_or_leave_the_grid_are_found(self):
        self.assertEqual(self.problems((0, 0, 12, 4), (11, 3, 12, 4)), ["p0 and p1 overlap"])
        self.assertEqual(self.problems((20, 0, 5, 4)), ["p0: outside the grid"])

    def test_a_metric_or_a_label_that_is_not_documented_is_found(self):
        self.assertEqual(len(self.problems((0, 0, 1, 1), expr="ballast_alarm")), 1)
        self.assertEqual(len(self.problems((0, 0, 1, 1), expr='ballast_hosts{status="ok"}')), 1)
        self.assertEqual(self.problems((0, 0, 1, 1), expr='ballast_hosts{state="ok", instance=~"a.*"}'), [])

    def test_only_histograms_have_buckets_and_no_histogram_is_read_whole(self):
        self.assertEqual(len(self.problems((0, 0, 1, 1), expr="ballast_alarms_bucket")), 1)
        self.assertEqual(len(self.problems((0, 0, 1, 1), expr="ballast_d_seconds")), 1)
        self.assertEqual(self.problems((0, 0, 1, 1), expr="ballast_d_seconds_bucket"), [])

    def test_a_variable_that_does_not_exist_is_found(self):
        self.assertEqual(self.problems((0, 0, 1, 1), expr='ballast_alarms{job=~"$job"}'), ["p0: there is no variable job"])

    def test_an_alert_needs_a_test_in_which_it_fires_one_in_which_it_is_silent_and_a_runbook(self):
        tests = check.ALERT_TESTS.read_text()
        self.assertEqual(list(check.alert_problems(queries.documented(), tests)), [])
        silent = re.compile(r".*BallastBraked.*exp_samples: \[\]}\n")
        fires = re.compile(r".*BallastBraked[^\n]*\n[^\n]*\n.*value: 1}\]\n")
        for pattern, wanted in ((silent, "is silent"), (fires, "fires")):
            less = pattern.sub("", tests, count=1)
            self.assertNotEqual(less, tests)
            self.assertEqual(list(check.alert_problems(queries.documented(), less)), [f"BallastBraked: no test in alerts_test.yml in which it {wanted}"])
        rule = {"Other": {"expr": "up", "for": "1m", "labels": "{severity: loud}", "summary": "s", "description": "d", "runbook_url": "docs/alerts.md#other"}}
        found = list(check.problems_of_alert("Other", rule["Other"], {"fires", "is silent"}, {"down"}))
        self.assertEqual(found, ["its severity has to be critical, warning or info", "the runbook has to be a section of that name in docs/alerts.md"])

    def test_what_is_shipped_has_no_problem(self):
        done = subprocess.run([sys.executable, str(FOLDER / "check")], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Rules(unittest.TestCase):
    def test_expressions_and_annotations_are_read_from_lines_and_blocks(self):
        alerts = queries.alerts("- alert: A\n  expr: |\n    up\n    == 0\n  # no: comment\n  summary: 's'\n- alert: B\n  expr: x > 1\n")
        self.assertEqual(alerts, {"A": {"expr": "up == 0", "summary": "s"}, "B": {"expr": "x > 1"}})


if __name__ == "__main__":
    unittest.main()
