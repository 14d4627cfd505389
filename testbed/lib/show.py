"""How the demo looks on a terminal and in a file: headings, sentences, and a table that is drawn again in its place."""

import os
import re
import shutil
import textwrap
import time

_COLOURS = {"bold": "1", "faint": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_WIDTH = 110
_BAR = 12


class Screen:
    """Writes to a terminal, or plainly to a file; colours and redrawing only on a terminal."""

    def __init__(self, out):
        self._out = out
        self._live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._coloured = self._live and "NO_COLOR" not in os.environ
        self.blocks = "█░" if (out.encoding or "").lower().replace("-", "") == "utf8" else "#."
        self._table = []  # the lines of the table that stands below everything
        self._start = time.monotonic()

    def paint(self, text, colour):
        """The text in a colour, where there are colours."""
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._coloured else text

    def heading(self, text):
        """A new chapter."""
        self.keep_table()
        self._print(["", self.paint(f"== {text} " + "=" * max(0, _WIDTH - 4 - len(text)), "bold"), ""])

    def say(self, text, colour=None):
        """A paragraph, with the seconds since the start."""
        clock = f"{time.monotonic() - self._start:5.0f} s  "
        lines = textwrap.wrap(text, _WIDTH - len(clock), break_long_words=False, break_on_hyphens=False)
        painted = [self.paint(line, colour) if colour else line for line in lines]
        self._above([self.paint(clock, "faint") + painted[0]] + [" " * len(clock) + line for line in painted[1:]])

    def lines(self, lines):
        """Lines as they are."""
        self._above(list(lines))

    def table(self, lines):
        """Draws the standing table again; in a file it is written by keep_table() only."""
        if self._live:
            self._erase()
            self._print(self._fitted(lines))
        self._table = list(lines)

    def keep_table(self):
        """Leaves the table where it stands and goes on below it."""
        if self._table and not self._live:
            self._print(self._table)
        self._table = []

    def _above(self, lines):
        if self._live:
            self._erase()
        self._print(lines)
        if self._live and self._table:
            self._print(self._fitted(self._table))

    def _fitted(self, lines):
        """A line that wraps would count as two when it is erased."""
        width = shutil.get_terminal_size().columns - 1
        return [line if len(plain(line)) <= width else plain(line)[:width] for line in lines]

    def _erase(self):
        if self._table:
            self._out.write(f"\033[{len(self._table)}F\033[J")

    def _print(self, lines):
        self._out.write("".join(line + "\n" for line in lines))
        self._out.flush()


def plain(text):
    """The text without its colours."""
    return re.sub(r"\033\[[0-9;]*m", "", text)


def columns(header, rows, rule=True):
    """Lines of a table whose cells may hold colours."""
    widths = [max(len(plain(str(row[i]))) for row in [header] + rows) for i in range(len(header))]
    def line(row):
        return "  " + "   ".join(str(cell) + " " * (width - len(plain(str(cell)))) for cell, width in zip(row, widths)).rstrip()
    return [line(header)] + (["  " + "-" * (sum(widths) + 3 * len(widths) - 3)] if rule else []) + [line(row) for row in rows]


def bar(screen, ratio, hot=0.85):
    """A bar of the host's CPUs with the percentage; red when guests want too much."""
    full, empty = screen.blocks
    if ratio is None:
        return empty * _BAR + "    ?"
    filled = min(_BAR, round(ratio * _BAR))
    colour = "red" if ratio > hot else "green"
    return screen.paint(full * filled, colour) + screen.paint(empty * (_BAR - filled), "faint") + f" {100 * ratio:4.0f} %"


def milliseconds(value):
    """A duration for people."""
    if value is None:
        return "?"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"
