"""Panels of a dashboard as HTML, from what a Prometheus answered, for `render`. Standard library only, no IO.

Answers are what prometheus_client.py returns: instants [(labels, value)], ranges [(labels, [(time, value)])].
"""
import html
import math
import re
import time

COLOURS = ("#3b78c4", "#d9822b", "#3f9c5a", "#b6498f", "#8a6fd1", "#c9a227", "#2a9da5", "#c8543e", "#6d7f8f", "#7d9a2f", "#a3693f", "#4b5fb3")
NAMED = {"green": "#3f9c5a", "red": "#cf3f3f", "orange": "#e08a2c", "blue": "#3b78c4", "dark-blue": "#27508a", "light-blue": "#7fb2e5",
         "light-green": "#8fcf9f", "yellow": "#d8b02c", "text": "#5b6570"}
GREY = "#8a939c"
FONT_PX = 11
STYLE = """
body { margin: 0; background: #f4f5f7; font: 11px 'DejaVu Sans', sans-serif; color: #24292e; position: relative }
.panel, .row { position: absolute; box-sizing: border-box; overflow: hidden }
.panel { background: #fff; border: 1px solid #dfe3e8; border-radius: 3px; padding: 4px 7px }
.row { font-size: 13px; font-weight: bold; padding: 5px 2px }
.title { font-weight: bold; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; height: 16px }
.nothing { color: #5b6570; text-align: center; padding-top: 18px }
.legend { line-height: 14px; white-space: nowrap; overflow: hidden }
.legend i { display: inline-block; width: 9px; height: 3px; margin-right: 4px; vertical-align: middle }
.legend span { margin-right: 10px; display: inline-block }
.side { position: absolute; right: 6px; top: 22px; bottom: 4px; overflow: hidden }
.stats { display: flex; gap: 4px; position: absolute; left: 5px; right: 5px; top: 21px; bottom: 5px }
.stat { flex: 1; border-radius: 3px; color: #fff; display: flex; flex-direction: column; align-items: center; justify-content: center; overflow: hidden; text-align: center }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: 2px 6px; border-bottom: 1px solid #eceff2; white-space: nowrap }
th { color: #5b6570; font-weight: normal; white-space: normal }
.bar { display: flex; align-items: center; height: 17px } .bar b { font-weight: normal; flex: 0 0 40%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.bar i { height: 11px; background: #3b78c4; margin-right: 5px }
.caption { position: absolute; color: #5b6570; padding: 2px }
svg text { font: 10px 'DejaVu Sans', sans-serif; fill: #5b6570 }
"""


def text_of(value, unit="short", decimals=None):
    """A number for people, in the units that the dashboards use."""
    if value is None or math.isnan(value):
        return "-"
    if unit == "percentunit":
        return _number(100 * value, 1 if decimals is None else decimals) + " %"
    if unit in ("bytes", "Bps"):
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB")) + ("/s" if unit == "Bps" else "")
    if unit == "s":
        return _duration(value)
    if unit == "watt":
        return _scaled(value, 1000, ("W", "kW", "MW"))
    if unit == "kwatth":
        return _scaled(1000 * value, 1000, ("Wh", "kWh", "MWh"))
    named = {"cores": " cores", "ops": "/s"}.get(unit, "")
    return _number(value, 2 if decimals is None else decimals) + named


def _number(value, decimals):
    if decimals and abs(value) >= 100:
        decimals = 0
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(value, base, names):
    place = 0
    while abs(value) >= base and place + 1 < len(names):
        value, place = value / base, place + 1
    return f"{_number(value, 1)} {names[place]}"


def _duration(seconds):
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= unit:
            return f"{_number(seconds / unit, 1)} {name}"
    return f"{_number(seconds, 2)} s" if abs(seconds) >= 1 or not seconds else f"{_number(1000 * seconds, 1)} ms"


def legend_of(target, labels):
    """The name of a series as the panel's legend has it."""
    form = target.get("legendFormat") or ""
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), form).strip() or ("none" if form else "")


def lines_of(answers):
    """[(name, [(time, value)])] by name, without what is not a number."""
    lines = [(legend_of(target, labels), [(at, value) for at, value in points if not math.isnan(value)])
             for target, answer in answers for labels, points in answer]
    return sorted((line for line in lines if line[1]), key=lambda line: line[0])


def _mapping(defaults, value):
    """{"text", "color"} of a value that the panel names, or {}."""
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(_number(value, 0)) if value.is_integer() else None
        if found:
            return found
    return {}


def _colour(defaults, value):
    mapped = _mapping(defaults, value) if value is not None else {}
    if "color" in mapped:
        return NAMED[mapped["color"]]
    colour = "blue"
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is None or (value is not None and value >= step["value"]):
            colour = step["color"]
    return NAMED.get(colour, NAMED["blue"])


def nothing(panel):
    reason = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    return f'<div class="nothing">{html.escape(reason)}</div>'


def stat(panel, answers):
    defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
    shown = [(legend_of(target, labels), value) for target, answer in answers for labels, value in answer]
    if not shown:
        shown, boxes = [("", None)], [("", defaults.get("noValue", "No data"), GREY)]
    else:
        boxes = [(name, _mapping(defaults, value).get("text") or text_of(value, defaults["unit"], defaults.get("decimals")), _colour(defaults, value))
                 for name, value in shown]
    mode, parts = options.get("textMode", "auto"), ""
    width = panel["gridPos"]["w"] / len(boxes)
    for name, text, colour in boxes:
        if mode == "name" and name:
            name, text = "", name
        elif mode != "value_and_name" and len(boxes) == 1:
            name = ""
        size = max(11, min(24, int(62 * width / max(4, len(text)))))
        parts += (f'<div class="stat" style="background:{colour}"><div style="font-size:{size}px">{html.escape(text)}</div>'
                  + (f'<div style="font-size:{min(11, int(66 * width / max(1, len(name))))}px">{html.escape(name)}</div>' if name else "") + "</div>")
    return f'<div class="stats">{parts}</div>'


def bars(panel, answers):
    defaults = panel["fieldConfig"]["defaults"]
    shown = sorted(((legend_of(target, labels), value) for target, answer in answers for labels, value in answer if not math.isnan(value)),
                   key=lambda bar: -bar[1])
    if not shown:
        return nothing(panel)
    most = max(value for _, value in shown) or 1
    return "".join(f'<div class="bar"><b>{html.escape(name)}</b><i style="width:{48 * value / most:.0f}%"></i>'
                   f'{text_of(value, defaults["unit"], defaults.get("decimals"))}</div>' for name, value in shown)


def table(panel, answers):
    """As Grafana's transformations merge and organize: one row for each set of labels, a column for each query."""
    organize = next((each["options"] for each in panel.get("transformations", []) if each["id"] == "organize"), {})
    names, hidden = organize.get("renameByName", {}), organize.get("excludeByName", {})
    rows, columns = [], []
    for target, answer in answers:
        for labels, value in answer:
            cells = {**labels, f"Value #{target['refId']}": value}
            row = next((row for row in rows if all(row.get(key, other) == other for key, other in labels.items())), None)
            if row is None:
                rows.append(cells)
            else:
                row.update(cells)
            columns += [key for key in cells if key not in columns]
    columns = sorted((key for key in columns if not hidden.get(key)), key=lambda key: key.startswith("Value #"))
    if not rows:
        return nothing(panel)
    looks = {each["matcher"]["options"]: {part["id"]: part["value"] for part in each["properties"]} for each in panel["fieldConfig"]["overrides"]}
    head = "".join(f"<th>{html.escape(names.get(key, key))}</th>" for key in columns)
    body = ""
    for row in sorted(rows, key=lambda row: [str(row.get(key, "")) for key in columns]):
        body += "<tr>" + "".join(f"<td>{html.escape(_cell(row.get(key), looks.get(names.get(key, key), {}), panel))}</td>" for key in columns) + "</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value, look, panel):
    if value is None or isinstance(value, str):
        return value or ""
    mapped = _mapping(look, value)
    return mapped.get("text") or text_of(value, look.get("unit", panel["fieldConfig"]["defaults"]["unit"]))


class Plot:
    """The area of a plot: from times and values to pixels."""

    def __init__(self, width, height, start, end, low, high, left):
        self.width, self.height, self.left, self.bottom = width, height, left, height - 16
        self.start, self.end, self.low, self.high = start, end, low, high

    def x(self, when):
        return self.left + (when - self.start) / (self.end - self.start) * (self.width - self.left - 4)

    def y(self, value):
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - 6)

    def times(self):
        """Ticks at round times of the day, and the lines above them."""
        span = self.end - self.start
        step = next((each for each in (60, 120, 300, 600, 1800, 3600, 10800, 21600, 86400) if span / each <= self.width / 70), 86400)
        ticks = range(int(math.ceil(self.start / step) * step), int(self.end) + 1, step)
        return "".join(f'<line x1="{self.x(at):.1f}" x2="{self.x(at):.1f}" y1="4" y2="{self.bottom}" stroke="#eceff2"/>'
                       f'<text x="{self.x(at):.1f}" y="{self.height - 3}" text-anchor="middle">{time.strftime("%H:%M", time.gmtime(at))}</text>'
                       for at in ticks if self.x(at) < self.width - 14)

    def svg(self, inside):
        return f'<svg width="{self.width}" height="{self.height}" style="display:block">{self.times()}{inside}</svg>'


def _ticks(low, high, unit, whole):
    """Some three to five round values between them."""
    if unit == "s" and high - low >= 120:
        steps = [60 * part for part in (1, 2, 5, 10, 30, 60, 120, 360, 720, 1440, 10080)]
    else:
        base = 1024 if unit in ("bytes", "Bps") else 10
        scale = base ** math.floor(math.log(high - low, base))
        steps = [scale * part for part in ((1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512) if base == 1024 else (0.1, 0.2, 0.5, 1, 2, 5))]
    step = next((each for each in steps if (high - low) / each <= 5.5 and (each >= 1 or not whole)), steps[-1])
    return [step * place for place in range(math.ceil(low / step), int(high / step + 1e-9) + 1)]


def timeseries(panel, answers, size, start, end):
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit, decimals = defaults.get("custom", {}), defaults["unit"], defaults.get("decimals")
    lines = lines_of(answers)
    if not lines:
        return nothing(panel)
    side = panel["options"]["legend"]["placement"] == "right"
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    drawn, base = [], {}
    for name, points in lines:
        if stacked:
            floor = [(at, base.get(at, 0.0)) for at, _ in points]
            points = [(at, value + base.get(at, 0.0)) for at, value in points]
            base.update(points)
            drawn.append((points, floor))
        else:
            drawn.append((points, None))
    values = [value for points, _ in drawn for _, value in points]
    low = min(values + [defaults["min"]] if "min" in defaults else values)
    high = max(values) if max(values) > low else low + 1
    high += (high - low) * 0.05
    rows = 1 if side else _rows_of(lines, size[0])
    legend_width = min(0.55 * size[0], 160 + 6.5 * max(len(name) for name, _ in lines)) if side else 0
    plot = Plot(size[0] - legend_width, size[1] - (0 if side else 14 * rows), start, end, low, high, 58)
    inside = "".join(f'<line x1="{plot.left}" x2="{plot.width - 4}" y1="{plot.y(at):.1f}" y2="{plot.y(at):.1f}" stroke="#e3e7eb"/>'
                     f'<text x="{plot.left - 4}" y="{plot.y(at) + 3:.1f}" text-anchor="end">{text_of(at, unit, decimals)}</text>' for at in _ticks(low, high, unit, decimals == 0))
    for step in defaults.get("thresholds", {}).get("steps", []) if "thresholdsStyle" in custom else []:
        if step["value"] is not None and low <= step["value"] <= high:
            inside += (f'<line x1="{plot.left}" x2="{plot.width - 4}" y1="{plot.y(step["value"]):.1f}" y2="{plot.y(step["value"]):.1f}" '
                       f'stroke="{NAMED[step["color"]]}" stroke-dasharray="5 3"/>')
    gap = 5 * _usual_step(lines)
    for number, (points, floor) in reversed(list(enumerate(drawn))):
        colour = COLOURS[number % len(COLOURS)]
        for part, below in _unbroken(points, floor, gap):
            inside += _curve(plot, part, below, colour, custom.get("lineInterpolation") == "stepAfter")
    entries = [(name, COLOURS[number % len(COLOURS)], points) for number, (name, points) in enumerate(lines)]
    if side:
        legend = "".join(f'<tr><td><i style="background:{colour}"></i>{html.escape(name)}</td><td>{text_of(points[-1][1], unit, decimals)}</td>'
                         f'<td>{text_of(max(value for _, value in points), unit, decimals)}</td></tr>' for name, colour, points in entries)
        return plot.svg(inside) + f'<div class="side legend" style="width:{legend_width - 8:.0f}px"><table><tr><th></th><th>last</th><th>max</th></tr>{legend}</table></div>'
    legend = "".join(f'<span><i style="background:{colour}"></i>{html.escape(name)}</span>' for name, colour, _ in entries)
    return plot.svg(inside) + f'<div class="legend" style="height:{14 * rows}px;white-space:normal">{legend}</div>'


def _rows_of(lines, width):
    """How many lines a legend below the plot takes, at most three."""
    rows, used = 1, 0.0
    for name, _ in lines:
        wide = 26 + 6.6 * len(name)
        rows, used = (rows + 1, wide) if used and used + wide > width else (rows, used + wide)
    return min(3, rows)


def _usual_step(lines):
    gaps = sorted(after[0] - before[0] for _, points in lines for before, after in zip(points, points[1:]))
    return gaps[len(gaps) // 2] if gaps else 1


def _unbroken(points, floor, gap):
    """Pieces of a line, split where nothing was measured, each with the floor below it (None)."""
    first = 0
    for place in range(1, len(points) + 1):
        if place == len(points) or points[place][0] - points[place - 1][0] > gap:
            yield points[first:place], floor[first:place] if floor else None
            first = place


def _curve(plot, points, floor, colour, stepped):
    if len(points) == 1:
        return f'<circle cx="{plot.x(points[0][0]):.1f}" cy="{plot.y(points[0][1]):.1f}" r="1.5" fill="{colour}"/>'
    path = f"M{plot.x(points[0][0]):.1f},{plot.y(points[0][1]):.1f}"
    for at, value in points[1:]:
        path += (f"H{plot.x(at):.1f}V{plot.y(value):.1f}" if stepped else f"L{plot.x(at):.1f},{plot.y(value):.1f}")
    area = ""
    if floor:
        area = path + "".join(f"L{plot.x(at):.1f},{plot.y(value):.1f}" for at, value in reversed(floor)) + "Z"
        area = f'<path d="{area}" fill="{colour}" fill-opacity="0.45" stroke="none"/>'
    return area + f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def states(panel, answers, size, start, end):
    defaults = panel["fieldConfig"]["defaults"]
    lines = lines_of(answers)
    if not lines:
        return nothing(panel)
    plot = Plot(size[0], size[1], start, end, 0, 1, min(0.4 * size[0], 14 + 6.3 * max(len(name) for name, _ in lines)))
    height = (plot.bottom - 4) / len(lines)
    gap, inside = 5 * _usual_step(lines), ""
    for number, (name, points) in enumerate(lines):
        top = 4 + number * height
        inside += f'<text x="{plot.left - 5:.1f}" y="{top + height / 2 + 3:.1f}" text-anchor="end">{html.escape(name)}</text>'
        for first, last, value in _stretches(points, gap, _usual_step(lines)):
            text, wide = _mapping(defaults, value).get("text", ""), plot.x(last) - plot.x(first)
            inside += f'<rect x="{plot.x(first):.1f}" y="{top + 1:.1f}" width="{max(1.0, wide):.1f}" height="{max(2, height - 3):.1f}" fill="{_colour(defaults, value)}"/>'
            if panel["options"]["showValue"] == "auto" and wide > 7 * len(text) + 6:
                inside += f'<text x="{plot.x(first) + 4:.1f}" y="{top + height / 2 + 3:.1f}" style="fill:#fff">{html.escape(text)}</text>'
    legend = "".join(f'<span><i style="background:{NAMED[look.get("color", "blue")]};height:8px"></i>{html.escape(look["text"])}</span>'
                     for look in _looks(defaults, {value for _, points in lines for _, value in points}))
    return plot.svg(inside) + f'<div class="legend" style="position:absolute;right:6px;top:4px;height:14px">{legend}</div>'


def _looks(defaults, values):
    """The named values that occur, each look once."""
    found = []
    for value in sorted(values):
        look = _mapping(defaults, value)
        if look and look not in found:
            found.append(look)
    return found


def _stretches(points, gap, step):
    """(from, until, value) of each time in which the value stayed."""
    first = 0
    for place in range(1, len(points) + 1):
        if place == len(points):
            yield points[first][0], points[-1][0] + step, points[first][1]
        elif points[place][1] != points[first][1] or points[place][0] - points[place - 1][0] > gap:
            broken = points[place][0] - points[place - 1][0] > gap
            yield points[first][0], points[place - 1][0] + step if broken else points[place][0], points[first][1]
            first = place
