"""What a browser says of the pages: when they were painted, how evenly they scroll, what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from tests.support.browser import Page

_SCRIPT: Final = Path(__file__).with_name("probe.js").read_text(encoding="utf-8")
_MIB: Final = 1024 * 1024
_SCROLL_FRAMES: Final = 300
_SCROLL_PIXELS: Final = 90


@dataclass(frozen=True, slots=True)
class FirstPaint:
    """A page loaded with an empty cache; medians in ms since its address was entered. `data_ms`: its first rows."""

    page: str
    loads: int
    contentful_ms: float
    data_ms: float


@dataclass(frozen=True, slots=True)
class Smoothness:
    """A list scrolled by a page every ten frames: ms between frames, and how many scripts kept it longer than 50 ms."""

    page: str
    frames: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    long_tasks: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the page holds once its garbage has been collected."""

    heap_mib: float
    nodes: int
    listeners: int


class MeasuredPage:
    """A page with the probe in it. Its methods block: call them in a thread."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._identifier = ""

    def open(self, where: str, data: str, series: str = "") -> None:
        """Load the pages anew at a route; `data` is what its first data looks like (CSS), `series` is watched."""
        if self._identifier:
            self.page.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=self._identifier)
        source = f"window.__data = {data!r}; window.__series = {series!r};\n{_SCRIPT}"
        self._identifier = self.page.cdp("Page.addScriptToEvaluateOnNewDocument", source=source)["identifier"]
        self.page.open(where)
        self.page.wait(lambda: (self._asked("window.__probe.dataMs") or 0) > 0, f"data on {where}")

    def first_paint(self, where: str, data: str, loads: int) -> FirstPaint:
        """Load a page again and again with an empty cache."""
        self.page.cdp("Network.enable")
        contentful, shown = [], []
        for _ in range(loads):
            self.page.cdp("Network.clearBrowserCache")
            self.open(where, data)
            contentful.append(
                self._asked("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
            )
            shown.append(self._asked("window.__probe.dataMs"))
        return FirstPaint(where, loads, median(contentful), median(shown))

    def painted(self) -> list[tuple[str, float]]:
        """Values of the series that is watched, with when they were on the screen (ms since the epoch)."""
        return [(str(value), float(at_ms)) for value, at_ms in self._asked("window.__probe.painted")]

    def scroll(self, where: str, data: str, scroller: str) -> Smoothness:
        """Scroll a list while it is live."""
        self.open(where, data)
        self.page.run("window.__probe.longTasksMs.length = 0")
        self.page.chrome.set_script_timeout(120)
        script = "window.__probe.scroll(arguments[0], arguments[1], arguments[2], arguments[3])"
        found = self.page.chrome.execute_async_script(script, scroller, _SCROLL_FRAMES, _SCROLL_PIXELS)
        between = np.asarray(found, np.float64)
        p50, p99 = np.percentile(between, [50, 99])
        long_tasks = self._asked("window.__probe.longTasksMs.length")
        return Smoothness(where, len(between), float(p50), float(p99), float(between.max()), long_tasks)

    def go(self, where: str, data: str) -> None:
        """Go to a page within the pages, as a click does."""
        self.page.run(f"location.hash = '#/{where}'")
        # asked for without an element in the answer: the driver would hold that, and with it the page it was on
        self.page.wait(lambda: self._asked(f"document.querySelector({data!r}) !== null"), data)

    def held(self) -> Held:
        """Memory of the page, after its garbage was collected."""
        self.page.cdp("Performance.enable")
        self.page.cdp("HeapProfiler.collectGarbage")
        told = {one["name"]: one["value"] for one in self.page.cdp("Performance.getMetrics")["metrics"]}
        return Held(told["JSHeapUsedSize"] / _MIB, int(told["Nodes"]), int(told["JSEventListeners"]))

    def _asked(self, expression: str) -> Any:
        return self.page.run(f"return {expression}")
