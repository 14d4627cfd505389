#!/usr/bin/env python3
"""dashboards/verify against a Prometheus that answers what each test wants, and what dashboards/check finds wrong."""
import http.server
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import threading
import unittest
import urllib.parse

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
sys.path.insert(0, str(FOLDER))
import queries  # noqa: E402


def script(name):
    loader = importlib.machinery.SourceFileLoader(name, str(FOLDER / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


verify, check = script("verify"), script("check")


class FakePrometheus:
    """Knows some metrics; `results` overrides the answer to whole expressions."""

    def __init__(self, metrics=(), results=None):
        self.metrics, self.results = set(metrics), results or {}

    def query(self, expression):
        if expression in self.results:
            return self.results[expression]
        return [1.0] if all(metric in self.metrics for metric, _ in queries.selectors(expression)) else []


class Verdicts(unittest.TestCase):
    def test_a_query_with_values_has_data(self):
        self.assertEqual(verify.verdict(FakePrometheus(["ballast_alarms"]), "sum(ballast_alarms)")[0], "data")

    def test_an_empty_result_of_series_that_are_there_is_quiet(self):
        quiet = FakePrometheus(["ballast_alarms"], {"ballast_alarms > 0": []})
        self.assertEqual(verify.verdict(quiet, "ballast_alarms > 0")[0], "quiet")

    def test_a_result_that_is_not_a_number_is_no_data(self):
        mean = "ballast_alarms / ballast_hosts"
        nothing = FakePrometheus(["ballast_alarms", "ballast_hosts"], {mean: [float("nan")]})
        self.assertEqual(verify.verdict(nothing, mean)[0], "quiet")

    def test_a_series_that_is_not_there_is_missing_even_if_others_give_data(self):
        some = FakePrometheus(["ballast_alarms"], {"ballast_alarms or ballast_gone": [0.0]})
        self.assertEqual(verify.verdict(some, "ballast_alarms or ballast_gone"), ("MISSING", "no series: ballast_gone"))

    def test_what_only_some_hosts_offer_is_optional(self):
        self.assertEqual(verify.verdict(FakePrometheus(), "ballast_host_pressure_ratio")[0], "optional")

    def test_a_target_under_another_job_name_is_missing(self):
        self.assertEqual(verify.verdict(FakePrometheus(), 'up{job="ballast"} == 0'), ("MISSING", 'no series: up{job="ballast"}'))

    def test_a_query_that_prometheus_refuses_is_missing(self):
        class Refusing:
            def query(self, expression):
                raise ValueError("parse error")
        self.assertEqual(verify.verdict(Refusing(), "sum("), ("MISSING", "parse error"))


class EmptyPrometheus(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["query"][0]
        result = [] if "ballast" in query else [{"metric": {}, "value": [0, "1"]}]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def run_verify(url):
    return subprocess.run([sys.executable, str(FOLDER / "verify"), url], capture_output=True, text=True, check=False)


class WholeProgram(unittest.TestCase):
    def test_a_prometheus_without_ballast_fails_and_every_query_is_named(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPrometheus)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = run_verify(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        server.server_close()
        self.assertEqual(done.returncode, 1)
        self.assertIn("MISSING  alert BallastAlarm: no series: ballast_alarms", done.stdout)
        self.assertIn("MISSING  ballast-overview.json: CPU demand", done.stdout)

    def test_a_prometheus_that_is_not_there_is_told(self):
        done = run_verify("http://127.0.0.1:1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot reach", done.stderr)


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

    def test_what_is_shipped_has_no_problem(self):
        done = subprocess.run([sys.executable, str(FOLDER / "check")], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Rules(unittest.TestCase):
    def test_expressions_and_annotations_are_read_from_lines_and_blocks(self):
        alerts = queries.alerts("- alert: A\n  expr: |\n    up\n    == 0\n  # no: comment\n  summary: 's'\n- alert: B\n  expr: x > 1\n")
        self.assertEqual(alerts, {"A": {"expr": "up == 0", "summary": "s"}, "B": {"expr": "x > 1"}})


if __name__ == "__main__":
    unittest.main()
