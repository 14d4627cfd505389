#!/usr/bin/python3
"""The page in Chromium, against a daemon on simulated hosts: what it says, keyboard use, a phone's width, darkness, a
daemon that goes and comes back, a thousand hosts; and no error in the console at any time.
  browser_test.py CLUSTER-PROGRAM BALLASTCTL [unittest's arguments]
With BALLAST_PICTURES=DIRECTORY it also writes what it sees."""
import base64
import os
import re
import sys
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from simulated import Cluster, eventually

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PROGRAM = sys.argv[1]
# Relative luminance and contrast of two colours [WCAG 2.2, 1.4.3], of each text and the first ground below it that is not
# transparent: the texts below 4.5.
LOW_CONTRAST = r"""
const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = (colour) => { const [r, g, b] = parts(colour).map((c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (element) => { for (let at = element; at; at = at.parentElement) { const colour = getComputedStyle(at).backgroundColor;
  if ((parts(colour)[3] ?? 1) > 0) return colour; } return "rgb(255,255,255)"; };
const low = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, noscript, .skip")) continue;
  const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) low.push(walker.currentNode.data.trim().slice(0, 40) + " " + ((a + 0.05) / (b + 0.05)).toFixed(2));
}
return low;"""


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.TemporaryDirectory(prefix="ballast-chromium-", ignore_cleanup_errors=True)
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in FLAGS + [f"--user-data-dir={cls.profile.name}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        cls.clusters = {}

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        for cluster in cls.clusters.values():
            cluster.close()
        cls.profile.cleanup()

    def setUp(self):
        self.window(1280, 900)

    def tearDown(self):
        said = [entry for entry in self.browser.get_log("browser") if not self.is_expected(entry["message"])]
        self.assertEqual(said, [], "the console said something")

    def is_expected(self, message):
        """Chromium itself notes a connection that ended."""
        return "/live" in message and "net::ERR_" in message and self.id().endswith("back")

    def cluster(self, hosts=3, calm=False):
        key = (hosts, calm)
        if key not in self.clusters:
            self.clusters[key] = Cluster(PROGRAM, hosts, calm)
        return self.clusters[key]

    def window(self, width, height, dark=False):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, cluster, fragment=""):
        self.browser.get("about:blank")
        self.browser.get(cluster.url + fragment)
        eventually(lambda: self.find("#hosts tbody tr"), "the hosts are shown")

    def find(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def eventually(self, selector, pattern, within=30):
        eventually(lambda: re.search(pattern, self.text(selector)), f"{selector} says {pattern!r}; it says {self.text(selector)!r}", within)

    def keys(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.browser.execute_script("return document.activeElement.id || document.activeElement.innerText")

    def in_module(self, module, body, *arguments):
        """What `body` returns, of one of the page's modules and of arguments."""
        answer = self.browser.execute_async_script(
            "const [path, given, done] = arguments; import(path).then((module) => done(['said', (() => {" + body + "})()]))"
            ".catch((error) => done(['failed', String(error)]));", module, list(arguments))
        self.assertEqual(answer[0], "said", answer[1])
        return answer[1]

    @staticmethod
    def facts(immovable=()):
        """An overview in which nothing happens."""
        return {"status": {"problems": [], "findings": [], "mode": "automatic", "paused": False}, "power": [],
                "operations": {"active": [], "ended": []}, "plan": {"moves": [], "restarts": [], "power": [], "immovable": list(immovable)}}

    def picture(self, name, whole=True):
        if folder := os.environ.get("BALLAST_PICTURES"):
            shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
            with open(os.path.join(folder, name + ".png"), "wb") as file:
                file.write(base64.b64decode(shot["data"]))

    def test_a_calm_cluster_is_well_at_first_sight(self):
        self.open(self.cluster(calm=True))
        self.eventually("#verdict .headline", "^All is well$")
        self.assertEqual(self.browser.title, "Ballast")
        self.assertIn("3 of 3", self.text("#figures"))
        self.assertIn("moves by itself", self.text("#figures"))
        self.assertIn("Nothing is under way", self.text("#now"))
        self.assertIn("Nothing to do", self.text("#plan"))
        self.assertTrue(self.find("#needs")[0].get_attribute("hidden"))
        self.picture("calm")

    def test_what_is_wrong_comes_first_then_what_is_done_and_why(self):
        self.open(self.cluster())
        self.eventually("#verdict .headline", "need")
        self.eventually("#verdict .more", "Moving .*CPU")
        self.assertIn("need", self.browser.title)
        self.assertIn("its clock is 14 s behind", self.text("#needs"))
        self.assertRegex(self.text("#now"), r"host\d → host\d")
        self.assertRegex(self.text("#now"), "of about")
        bar = self.find("#now [role=progressbar]")[0]
        self.assertGreaterEqual(int(bar.get_attribute("aria-valuenow")), 1)
        self.assertRegex(self.text("#history"), r"vm2-0\s+host2 → host3")
        self.assertIn("done", self.text("#history"))
        self.assertIn("kWh", self.text("#energy"))
        first, needs = self.find("#verdict")[0], self.find("#needs")[0]
        self.assertLess(first.location["y"], needs.location["y"])
        self.assertLess(needs.location["y"], self.find("#now")[0].location["y"])
        self.picture("desktop")

    def test_news_come_by_themselves(self):
        self.open(self.cluster())
        before = self.text("#news")
        self.assertTrue(before)
        eventually(lambda: self.text("#news") != before, "a newer time is shown")

    def test_a_host_tells_why_it_is_as_it_is_and_what_runs_there(self):
        self.open(self.cluster())
        self.find("#hosts tbody a[href='#host=host1']")[0].click()
        self.eventually("#host", "6 VMs|[1-5] VM")
        self.eventually("#host", "vm1-0")
        self.eventually("#host .why", "usable CPU")
        self.find("#host [data-why]")[0].click()
        self.eventually("#host tbody .why", r"\w+ \w+")
        self.picture("host")
        self.find("#host .close")[0].click()
        eventually(lambda: "#host=" not in self.browser.current_url, "it is closed")
        self.assertFalse(self.browser.execute_script("return document.querySelector('#host').open"))

    def test_a_host_can_be_linked_to_and_one_that_does_not_exist_says_so(self):
        self.open(self.cluster(), "#host=host2")
        self.eventually("#host", "vm2-")
        self.open(self.cluster(), "#host=nobody%22%3E%3Cb%3E")
        self.eventually("#host .problem", "no such host")
        self.assertEqual(self.text("#host h2"), 'nobody"><b>')
        # What is not found is an error of the network to the browser, and rightly one in its console.
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        self.assertTrue(all("404" in message for message in said), said)

    def test_everything_is_reached_by_keyboard(self):
        self.open(self.cluster())
        self.keys(Keys.TAB)
        self.assertEqual(self.focused(), "To the hosts")
        self.keys(Keys.ENTER)
        eventually(lambda: self.focused() == "hosts", "the hosts have the focus")
        self.browser.find_element(By.TAG_NAME, "body").send_keys("/")
        self.assertEqual(self.focused(), "find")
        self.keys("host2")
        eventually(lambda: len(self.find("#hosts tbody tr")) == 1, "one host is left")
        self.keys(Keys.TAB)
        self.assertEqual(self.focused(), "sort")
        self.keys(Keys.TAB)
        self.assertEqual(self.focused(), "host2")
        self.keys(Keys.ENTER)
        self.eventually("#host", "vm2-")
        self.keys(Keys.ESCAPE)
        eventually(lambda: self.focused() == "host2", "the focus is back")

    def test_focus_stays_when_news_come(self):
        self.open(self.cluster())
        link = self.find("#hosts tbody a[href='#host=host3']")[0]
        self.browser.execute_script("arguments[0].focus()", link)
        before = self.text("#news")
        eventually(lambda: self.text("#news") != before, "a newer time is shown")
        self.assertEqual(self.focused(), "host3")

    def test_focus_stays_on_a_row_that_news_put_elsewhere(self):
        self.open(self.cluster(calm=True))
        focused = self.in_module("/dom.js", r"""
            const list = document.body.appendChild(module.el("ul"));
            const rows = (...names) => names.map((name) => module.el("li", {"data-key": name}, module.el("a", {href: "#"}, name)));
            module.show(list, rows("a", "b", "c"));
            list.children[2].firstChild.focus();
            module.show(list, rows("c", "a", "b"));
            return [document.activeElement.innerText, list.innerText.replace(/\s+/g, "")];""")
        self.assertEqual(focused, ["c", "cab"])

    def test_vms_that_cannot_leave_need_somebody_and_are_told_once_each(self):
        self.open(self.cluster(calm=True))
        stays = [{"vm": "id-db", "vm_name": "db1", "text": "uses a device of the host", "detail": "0000:01:00.0"},
                 {"vm": "id-db", "vm_name": "db1", "text": "is not on storage declared shared", "detail": "vda"}]
        many = [{"vm": f"id-{i}", "vm_name": f"vm{i}", "text": "has a snapshot", "detail": ""} for i in range(12)]
        headline = "return [module.verdict(given[0], {}).headline, module.needs(given[0]).map((line) => line.innerText)];"
        self.assertEqual(self.in_module("/sections.js", headline, self.facts(immovable=stays)),
                         ["1 VM has to leave and cannot", ["db1 has to leave its host and cannot: uses a device of the host (0000:01:00.0); "
                                                           "is not on storage declared shared (vda)"]])
        said, lines = self.in_module("/sections.js", headline, self.facts(immovable=many))
        self.assertEqual([said, len(lines), lines[-1]], ["12 VMs have to leave and cannot", 11, "And 2 more: ballastctl plan"])

    def test_what_is_seen_while_nobody_answers_for_the_cluster_is_told_to_be_old(self):
        self.open(self.cluster(calm=True))
        verdict = "return module.verdict(...given);"
        trouble = {"trouble": {"message": "there may be no leader"}, "age": 61}
        self.assertEqual(self.in_module("/sections.js", verdict, self.facts(), trouble)["more"], "there may be no leader. What you see is 60 s old.")
        self.assertEqual(self.in_module("/sections.js", verdict, None, trouble)["more"], "there may be no leader")
        self.assertEqual(self.in_module("/sections.js", verdict, None, {"refused": False})["headline"], "Connecting …")
        self.assertEqual(self.in_module("/sections.js", verdict, None, {"refused": True})["headline"], "No answer from the daemon")

    def test_answers_of_a_dialog_that_was_closed_are_not_shown_in_the_next_nor_asked_for_again(self):
        self.open(self.cluster())
        self.browser.execute_script("""
            window.asked = [], window.held = [], window.hold = true;
            const really = fetch.bind(window), later = setTimeout.bind(window);
            window.setTimeout = (what, ms) => later(what, ms / 50);
            window.fetch = async (target, options) => {
              asked.push(target);
              if (hold) await new Promise((go) => held.push(go));
              return really(target, options);
            };
            window.letGo = () => { held.forEach((go) => go()); held.length = 0; };""")
        for closed in (True, False):
            self.browser.execute_script("location.hash = '#host=host1'")
            eventually(lambda: self.browser.execute_script("return held.length > 0"), "the host is asked for")
            if closed:
                self.keys(Keys.ESCAPE)
                eventually(lambda: "#host=" not in self.browser.current_url, "it is closed")
        self.browser.execute_script("hold = false; letGo();")
        self.eventually("#host .why", "host1")
        self.browser.execute_script("hold = true; location.hash = '#host=host2'")
        eventually(lambda: self.browser.execute_script("return asked.at(-1) === '/v1/hosts/host2'"), "the other is asked for")
        self.browser.execute_script("held.splice(-1)[0]();")
        self.eventually("#host", "vm2-")
        self.assertEqual(self.find("#host > .body > .why"), [])
        self.browser.execute_script("hold = false; letGo();")
        self.keys(Keys.ESCAPE)
        time.sleep(1)
        self.assertEqual(self.browser.execute_script("return asked.filter((target) => target.includes('null'))"), [])

    def test_a_phone_shows_all_of_it_without_scrolling_sideways(self):
        self.window(360, 740)
        self.open(self.cluster())
        self.eventually("#verdict .headline", "need")
        width = self.browser.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, 360)
        for section in ("verdict", "figures", "needs", "now", "plan", "hosts", "history"):
            self.assertTrue(self.find("#" + section)[0].is_displayed(), section)
        self.picture("phone")
        self.browser.get(self.cluster().url + "#host=host1")
        self.eventually("#host", "vm1-0")
        self.assertLessEqual(self.browser.execute_script("return document.querySelector('#host').scrollWidth"), 360)

    def test_texts_are_readable_by_day_and_by_night(self):
        for dark in (False, True):
            with self.subTest(dark=dark):
                self.window(1280, 900, dark)
                self.open(self.cluster())
                self.eventually("#verdict .headline", "need")
                self.assertEqual(self.browser.execute_script(LOW_CONTRAST), [])
        ground = self.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        self.assertLess(sum(int(n) for n in re.findall(r"\d+", ground)[:3]), 120)
        self.picture("dark")

    def test_a_daemon_that_goes_is_told_of_and_one_that_comes_back(self):
        cluster = Cluster(PROGRAM, calm=True)
        self.addCleanup(cluster.close)
        self.open(cluster)
        self.eventually("#verdict .headline", "^All is well$")
        cluster.stop()
        self.eventually("#verdict .headline", "^The daemon does not answer$")
        self.eventually("#verdict .more", r"What you see is .* old")
        self.assertTrue(self.find("#hosts tbody tr"), "what was seen last stays")
        self.picture("gone")
        cluster.start()
        self.eventually("#verdict .headline", "^All is well$")

    def test_many_hosts_are_shown_some_at_a_time(self):
        self.open(self.cluster(hosts=200))
        self.assertEqual(len(self.find("#hosts tbody tr")), 50)
        self.assertIn("overloaded", self.find("#hosts tbody tr")[0].text + self.find("#hosts tbody tr")[1].text)
        self.assertIn("host5: ", self.text("#needs"))
        self.find("#more")[0].click()
        eventually(lambda: len(self.find("#hosts tbody tr")) == 100, "more hosts are shown")
        self.find("#find")[0].send_keys("host17")
        eventually(lambda: len(self.find("#hosts tbody tr")) == 11, "host17 and host170 to host179")
        self.browser.execute_script("arguments[0].value = 'name'; arguments[0].dispatchEvent(new Event('change'))", self.find("#sort")[0])
        eventually(lambda: self.find("#hosts tbody tr")[0].text.startswith("host17"), "they are sorted by name")
        self.browser.execute_script("scrollTo(0, 0)")
        self.open(self.cluster(hosts=200))
        self.picture("many", whole=False)

    def test_a_thousand_hosts_do_not_choke_it(self):
        self.open(self.cluster(hosts=1000, calm=True))
        self.assertEqual(len(self.find("#balance rect")), 1000)
        self.assertEqual(len(self.find("#hosts tbody tr")), 50)
        # What one piece of news costs, apart from how busy the machine is: elements, not seconds.
        self.assertLess(self.browser.execute_script("return document.querySelectorAll('*').length"), 3000)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
