"""A real Chromium without a window, and what the browser tests ask of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, Keys
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

_SEES: Final = """
const seen = (one) => one.checkVisibility({ visibilityProperty: true });
const said = (one) => (seen(one) ? (one.innerText ?? one.textContent).trim() : "");
"""


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
    """The pages in a browser. Whatever waits, waits for what is on the page, and says what was not there.

    Tests hold no element: the page draws itself anew while they look.
    """

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome = chrome
        self.address = address
        self.size(*DESKTOP)

    def size(self, width: int, height: int) -> None:
        """The size of the screen, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.cdp("Emulation.setDeviceMetricsOverride", **metrics)

    def scheme(self, name: str) -> None:
        """`light` or `dark`, as the operating system would say."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def load(self, where: str) -> None:
        """Load the pages anew at a route."""
        self.leave()
        self.chrome.get(f"{self.address}#/{where}")

    def open(self, where: str) -> None:
        """Load the pages anew at a route, and wait until they hear from the server."""
        self.load(where)
        self.there("#heard.live")

    def loaded(self) -> None:
        """Wait until a page has its heading and nothing of it is still awaited."""
        self.wait(lambda: self.count("#main h1") and not self.count("#main .loading"), "whole page")

    def leave(self) -> None:
        """Leave the pages for an empty one."""
        self.chrome.get("about:blank")

    @property
    def url(self) -> str:
        """The address that is open."""
        return self.chrome.current_url

    # What is there now. Each asks once, in the page: between two questions it may have drawn itself anew.

    def count(self, selector: str) -> int:
        """How many elements fit now."""
        return len(self._each(selector, "true"))

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that fit now, as they are seen."""
        return self._each(selector, "said(one)")

    def attributes(self, selector: str, name: str) -> list[str]:
        """An attribute of all elements that fit now and have it."""
        values = self._each(selector, "one.getAttribute(arguments[1])", name)
        return [value for value in values if value is not None]

    def visible(self, selector: str) -> bool:
        """Whether the first element that fits can be seen."""
        return any(self._each(selector, "seen(one)")[:1])

    def focused(self, name: str) -> str:
        """An attribute of what has the focus."""
        return str(self.run("return document.activeElement.getAttribute(arguments[0]) ?? ''", name))

    # What comes to be there: these wait for it.

    def there(self, selector: str, within_s: float = WITHIN_S) -> None:
        """Wait until an element fits."""
        self.wait(lambda: self.count(selector), selector, within_s)

    def gone(self, selector: str, within_s: float = WITHIN_S) -> None:
        """Wait until no element fits."""
        self.wait(lambda: not self.count(selector), f"end of {selector}", within_s)

    def text(self, selector: str) -> str:
        """The text of the first element that fits, once it has one."""
        return self.wait(lambda: next(iter(self.texts(selector)), ""), f"text in {selector}")

    def says(self, selector: str, text: str, within_s: float = WITHIN_S) -> None:
        """Wait until the first element that fits says this."""
        self.wait(lambda: text in next(iter(self.texts(selector)), ""), f"{text!r} in {selector}", within_s)

    def attribute(self, selector: str, name: str) -> str:
        """An attribute of the first element that fits, once there is one that has it."""
        return self.wait(lambda: self.attributes(selector, name), f"{name} of {selector}")[0]

    def changes(self, selector: str) -> None:
        """Wait until the first element that fits says something else than now."""
        before = self.text(selector)
        self.wait(lambda: self.text(selector) != before, f"other text in {selector}")

    def value_of(self, series: str) -> float:
        """The value that is shown of a series, with all its digits."""
        return float(self.attribute(f"[data-series='{series}'] [data-field=value]", "data-value") or "nan")

    def shows(self, series: str, value: float) -> None:
        """Wait until this is the value of a series."""
        self.wait(lambda: self.value_of(series) == value, f"{series} = {value}")

    def row_that_says(self, text: str) -> str:
        """The key of the first row of the grid that says this, once there is one."""

        def keys() -> list[str]:
            rows = self._each(".grid-row", "[one.dataset.key, said(one)]")
            return [key for key, said in rows if text in said]

        return self.wait(keys, f"row that says {text!r}")[0]

    def style(self, selector: str, name: str, part: str = "") -> str:
        """A property of the first element that fits, as it is drawn; or of a `part` of it, as `::after`."""
        drawn = "getComputedStyle(one, arguments[2]).getPropertyValue(arguments[1])"
        return str(self.wait(lambda: self._each(selector, drawn, name, part), selector)[0])

    def click(self, selector: str) -> None:
        """Click the first element that fits, also one that is being replaced."""

        def clicked() -> bool:
            self._first(selector).click()
            return True

        self.wait(clicked, f"click on {selector}")

    def fill(self, selector: str, text: str) -> None:
        """Type a text into an empty field, or in place of what it holds."""

        def filled() -> bool:
            field = self._first(selector)
            field.clear()
            field.send_keys(text)
            return True

        self.wait(filled, f"field {selector}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, on whatever has the focus then."""
        for key in keys:
            ActionChains(self.chrome).send_keys(key).perform()

    def tab_to(self, role: str, most: int) -> None:
        """Press Tab until something of this role has the focus; AssertionError after `most` times."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.focused("role") == role:
                return
        raise AssertionError(f"no {role} after {most} times Tab")

    # What the browser itself can tell.

    def run(self, script: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.chrome.execute_script(script, *arguments)

    def cdp(self, command: str, **parameters: Any) -> Any:
        """What a command of the Chrome DevTools Protocol answers."""
        return self.chrome.execute_cdp_cmd(command, parameters)

    def picture(self, path: Path) -> None:
        """Keep what is on the screen."""
        self.chrome.save_screenshot(str(path))

    def faults(self) -> list[str]:
        """What the browser has complained of since it was asked last: errors of scripts, refusals by policy."""
        return [entry["message"] for entry in self.chrome.get_log("browser") if entry["level"] == "SEVERE"]  # type: ignore[no-untyped-call]  # selenium has none

    def wait(self, ask: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
        """The first answer that is one. What is not there, or was replaced meanwhile, is looked for again."""
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
                [body] = self.texts("body")
                raise AssertionError(
                    f"no {what} within {within_s:.0f} s; the page says:\n{body[:2000]}\n{self.faults()}"
                )
            time.sleep(0.05)

    def _each(self, selector: str, asked: str, *arguments: str) -> list[Any]:
        """What a JavaScript expression is of each element (`one`) that fits now."""
        script = f"{_SEES} return [...document.querySelectorAll(arguments[0])].map((one) => {asked})"
        return list(self.run(script, selector, *arguments))

    def _first(self, selector: str) -> WebElement:
        try:
            return self.chrome.find_element(By.CSS_SELECTOR, selector)
        except NoSuchElementException as error:
            raise StaleElementReferenceException(error.msg) from error
