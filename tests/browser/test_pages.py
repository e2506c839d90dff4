"""Every page, on a desktop and a phone, light and dark, by keys alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selenium.webdriver import Keys

from tests.support.browser import PHONE, Page
from tests.support.browser_plant import TEMPERATURE

PAGES = {
    "overview": "overview",
    "assets": "assets",
    "asset": "asset/acme/north/pump-1",
    "series": f"series/{TEMPERATURE}",
    "alarms": "alarms",
    "dlq": "dlq",
    "tables": "tables/series",
    "topology": "topology",
    "gateways": "gateways",
    "ledger": "ledger",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_itself_whole_on_a_desktop_and_on_a_phone(page: Page, tmp_path: Path, name: str) -> None:
    for width, height in ((1440, 900), PHONE):
        for scheme in ("light", "dark"):
            page.size(width, height)
            page.scheme(scheme)
            page.open(PAGES[name])
            page.loaded()
            page.picture(tmp_path / f"{name}-{width}-{scheme}.png")
            assert not page.count("#main .failure"), page.text("#main .failure")
            assert page.run("return document.documentElement.scrollWidth") <= width, "nothing sticks out"
    assert page.faults() == []


def test_the_parameters_of_an_asset_fit_a_phone(page: Page) -> None:
    page.size(*PHONE)
    page.open(PAGES["asset"])
    page.there("table.parameters tbody tr")
    box = "document.querySelector('.asset .scroll')"
    assert page.run(f"return {box}.scrollWidth <= {box}.clientWidth"), "no column is beyond the edge"


def test_a_series_that_is_not_there_leaves_the_rest_of_the_page_live(page: Page) -> None:
    page.open("series/acme/north/pump-1/heat")
    page.says("#main .failure", "heat")
    page.wait(lambda: page.text("#heard") == "live", "the page to be live")
    page.open(PAGES["asset"])
    page.run(
        "const [folder] = [document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')];"
        "return import(`${folder}live.js`)"
        ".then((live) => live.follow(['acme/north/pump-1/temperature', 'acme/north/pump-1/heat']))"
    )

    def refused() -> bool:
        # one that is open is not told before it ends
        script = "return performance.getEntriesByType('resource').map((one) => one.name)"
        return any("/stream?" in name and "heat" in name for name in page.run(script))

    page.wait(refused, "the stream to be refused")
    page.wait(lambda: page.text("#heard") == "live", "the page to be live again")


def test_dark_is_dark_and_light_is_light(page: Page) -> None:
    page.open("overview")
    light = _brightness(page.style("body", "background-color")), _brightness(page.style("h1", "color"))
    page.scheme("dark")
    dark = _brightness(page.style("body", "background-color")), _brightness(page.style("h1", "color"))
    assert light[0] > 180 > 90 > light[1]
    assert dark[0] < 60 < 180 < dark[1]


def test_an_asset_is_found_and_opened_by_keys_alone(page: Page) -> None:
    page.open("overview")
    page.there("#main h1")
    page.press("g", "a")
    page.there(".grid-row")
    page.press("/")
    page.wait(lambda: page.focused("type") == "search", "the search")
    page.press(*"pump-2")
    page.wait(lambda: page.count(".grid-row") == 1, "the one asset")
    page.press(Keys.ESCAPE)
    page.run("document.querySelector('[role=grid]').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    page.wait(lambda: "#/asset/acme/north/pump-2" in page.url, "the asset's page")
    page.says("h1", "Feed pump 2")


def test_the_grid_is_reached_by_tab_and_says_how_long_it_is(page: Page) -> None:
    page.open("assets")
    page.there(".grid-row")
    page.click("#main input[type=search]")
    page.tab_to("grid", 12)
    assert int(page.focused("aria-rowcount")) >= 4


def test_the_keys_are_told_and_the_list_of_them_closes(page: Page) -> None:
    page.open("overview")
    page.there("#main h1")
    page.press("?")
    page.says("dialog", "Overview")
    page.press(Keys.ESCAPE)
    page.gone("dialog")


def test_a_page_that_there_is_not_says_so(page: Page) -> None:
    page.open("nowhere")
    page.says("#main .failure", "nowhere")
    page.open("series/acme/north/pump-1/heat")
    page.says("#main .failure", "heat")


def _brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue
