"""A real Chromium without a window, and what the browser tests ask of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")
WITHIN_S: Final = 40.0
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_GONE: Final = "does not belong to the document"
_NEEDED: Final = "The browser tests need Chromium and its driver. On Debian: apt install chromium chromium-driver"


def start_chromium() -> Chrome:
    """A browser of its own, with an empty profile. Fails, and says what to install, where there is none."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.fail(_NEEDED, pytrace=False)
    options = ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        # Chromium refuses its sandbox to root, and a container has no other user
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=Service(driver))


class Page:
    """The pages in a browser. Whatever waits, waits for what is on the page, and says what was not there."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome = chrome
        self.address = address
        self.size(*DESKTOP)

    def size(self, width: int, height: int) -> None:
        """The size of the screen, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """`light` or `dark`, as the operating system would say."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def load(self, where: str) -> None:
        """Load the pages anew at a route."""
        self.chrome.get("about:blank")
        self.chrome.get(f"{self.address}#/{where}")

    def open(self, where: str) -> None:
        """Load the pages anew at a route, and wait until they hear from the server."""
        self.load(where)
        self.wait(lambda: self.all("#heard.live"), "the page to be live")

    def css(self, selector: str) -> WebElement:
        """The first element that fits, once there is one."""
        return self.wait(lambda: next(iter(self.all(selector)), None), selector)

    def all(self, selector: str) -> list[WebElement]:
        """All elements that fit now."""
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of an element as it is seen."""
        return self.wait(lambda: self.css(selector).text, f"text in {selector}")

    def says(self, selector: str, text: str, within_s: float = WITHIN_S) -> None:
        """Wait until an element says this."""
        self.wait(lambda: text in self.css(selector).text, f"{text!r} in {selector}", within_s)

    def click(self, selector: str) -> None:
        """Click an element, also one that is being replaced."""

        def clicked() -> bool:
            self.css(selector).click()
            return True

        self.wait(clicked, f"click on {selector}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, on whatever has the focus."""
        for key in keys:
            self.chrome.switch_to.active_element.send_keys(key)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.chrome.execute_script(script, *arguments)

    def style(self, selector: str, name: str) -> str:
        """A property of an element as it is drawn."""
        return self.css(selector).value_of_css_property(name)

    def value_of(self, series: str) -> float:
        """The value that is shown of a series, with all its digits."""
        return float(self.css(f"[data-series='{series}'] [data-field=value]").get_attribute("data-value") or "nan")

    def shows(self, series: str, value: float) -> None:
        """Wait until this is the value of a series."""
        self.wait(lambda: self.value_of(series) == value, f"{series} = {value}")

    def picture(self, path: Path) -> None:
        """Keep what is on the screen."""
        self.chrome.save_screenshot(str(path))

    def faults(self) -> list[str]:
        """What the browser has complained of since it was asked last: errors of scripts, refusals by policy."""
        return [entry["message"] for entry in self.chrome.get_log("browser") if entry["level"] == "SEVERE"]  # type: ignore[no-untyped-call]  # selenium has none

    def wait(self, ask: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
        """The first answer that is one. An element that was replaced meanwhile is looked for again."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                found = ask()
            except StaleElementReferenceException:
                found = None
            except WebDriverException as error:
                # the same, where it was replaced while it was being asked
                if _GONE not in (error.msg or ""):
                    raise
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                main = self.chrome.find_element(By.CSS_SELECTOR, "body").text
                raise AssertionError(
                    f"no {what} within {within_s:.0f} s; the page says:\n{main[:2000]}\n{self.faults()}"
                )
            time.sleep(0.05)
