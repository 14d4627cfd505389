"""Reads the queries out of the dashboards and alert rules, for `check`, `verify` and `render`. Standard library only."""
import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent
RULES = FOLDER / "prometheus" / "ballast.rules.yml"
# What Grafana puts in for its own variables, with a scrape every 15 s.
BUILT_IN = {"__rate_interval": "5m", "__interval": "1m", "__range": "6h"}
VALUES_OF = re.compile(r"label_values\((.*), (\w+)\)")
HISTOGRAM_SUFFIX = re.compile(r"_(bucket|sum|count)$")
VARIABLE = re.compile(r"\$\{?(\w+)\}?")
SELECTOR = re.compile(r"\b((?:ballast|process)_\w+|up(?=\{))\s*(\{[^}]*\})?")


def dashboards():
    """(file name, parsed dashboard) of each."""
    return [(file.name, json.loads(file.read_text())) for file in sorted((FOLDER / "grafana").glob("*.json"))]


def panel_queries(dashboard):
    """(panel title, expression as written) of every target, nested rows included."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def reason_for_nothing(panel):
    """Why the panel may be empty on a healthy cluster, as Grafana shows it in place of data; "" when it may not."""
    return panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")


def variable_queries(dashboard):
    """(variable, expression whose series have the values it offers) of every variable that asks Prometheus."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = VALUES_OF.fullmatch(variable["definition"]).groups()
            yield variable, f"count by ({label}) ({selector})"


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expanded(expression, **values):
    """The expression as Grafana would send it: with these values of variables, and "All" chosen for the others."""
    known = BUILT_IN | values
    return VARIABLE.sub(lambda name: known.get(name[1], ".*"), expression)


def selectors(expression):
    """(metric, "{...}" or "") of every selector of ours in it, and of `up{...}`."""
    return [(found[1], found[2] or "") for found in SELECTOR.finditer(expression)]


def alerts(text=None):
    """{alert: {"expr": ..., and the annotations}} of the rules file, which keeps to plain `key: value` and blocks."""
    found, current, block = {}, None, None
    for line in (text if text is not None else RULES.read_text()).splitlines():
        indent = len(line) - len(line.lstrip())
        if block and line.strip() and indent > block[1]:
            current[block[0]] = (current[block[0]] + " " + line.strip()).strip()
            continue
        block = None
        entry = re.match(r"\s*(?:- )?(\w+):\s*(.*)$", line)
        if not entry or line.lstrip().startswith("#"):
            continue
        key, value = entry[1], entry[2]
        if key == "alert":
            current = found[value] = {}
        elif current is not None and value in ("|", ">-"):
            current[key], block = "", (key, indent)
        elif current is not None:
            current[key] = value.strip("\"'") if key != "expr" else value
    return found


def documented():
    """{metric: (type, set of labels)} from the tables of docs/metrics.md."""
    row = re.compile(r"^\| `(\w+)` \| (gauge|counter|histogram) \| ([^|]*) \|", re.M)
    text = (FOLDER.parent / "docs" / "metrics.md").read_text()
    known = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in row.findall(text)}
    return known | {"up": ("gauge", set())}  # Prometheus' own, of every target


def family(metric, known):
    """The documented metric a series belongs to, or None: `x_bucket` is `x` where that is a histogram."""
    base = HISTOGRAM_SUFFIX.sub("", metric)
    if base != metric and known.get(base, ("",))[0] == "histogram":
        return base
    return metric if known.get(metric, ("histogram",))[0] != "histogram" else None
