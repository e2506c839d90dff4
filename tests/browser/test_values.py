"""What the pages show is what is on the topics."""

from __future__ import annotations

import json
import re
import time

from selenium.webdriver import Keys

from ironstream.domain.times import to_iso
from tests.support.browser import Page
from tests.support.browser_plant import HOT, IMAGE, ODD_UNIT, PRESSURE, SCRIPT, TEMPERATURE, BrowserPlant


def test_values_of_an_asset_are_those_of_the_newest_clean_readings(plant: BrowserPlant, page: Page) -> None:
    page.open("asset/acme/north/pump-1")
    page.wait(lambda: page.value_of(TEMPERATURE) > 20, "a live value")
    before = page.value_of(TEMPERATURE)
    page.wait(lambda: page.value_of(TEMPERATURE) > before, "the next value, by itself")

    plant.pause()
    try:
        for series in (TEMPERATURE, PRESSURE):
            last = plant.last_clean(series)
            page.shows(series, last["value"])
            row = page.text(f"[data-series='{series}']")
            assert last["unit"] in row
            assert last["quality"].lower() in row
        suspect = page.text(f"[data-series='{PRESSURE}']")
        assert "suspect" in suspect
        assert "range" in suspect, "a quality that is not good stands with its reason"
    finally:
        plant.go_on()
    assert page.faults() == []


def test_a_series_shows_its_trend_windows_limits_and_rules(plant: BrowserPlant, page: Page) -> None:
    page.open(f"series/{TEMPERATURE}?span=300")
    page.says(".summary", "readings")
    page.says("[aria-label='Limits and rules']", "0 to 150 degC")
    page.says("[aria-label='Limits and rules']", "overheat")
    page.click("[aria-label='Size of the windows'] [data-value='1']")
    page.wait(lambda: page.count("table.windows tbody tr") > 1, "closed windows of a second")

    start, cells = page.run(
        "const row = document.querySelector('table.windows tbody tr');"
        " return [row.querySelector('time').dateTime, [...row.cells].map((cell) => cell.innerText)]"
    )
    bodies = [json.loads(one.value or b"{}") for one in plant.read("telemetry.1s")]
    # by its revision: a late reading may have revised the window since the page was read
    windows = {
        one["revision"]: one["aggregates"]
        for one in bodies if one["parameter"] == "temperature" and one["asset_id"] == "pump-1"
        and one["window_start"][:19] == start[:19]
    }  # fmt: skip
    assert windows, f"no window of {start} is on the topic"
    shown = windows[int(cells[-1])]
    assert cells[1] == str(shown["count"])
    assert float(cells[3]) == shown["min"]
    assert page.faults() == []


def test_what_was_not_read_of_a_long_span_is_no_gap_and_what_is_shown_is_the_newest(
    plant: BrowserPlant, page: Page
) -> None:
    page.open(f"series/{TEMPERATURE}?span=900&size=0")
    page.says(".summary", "readings")
    # as if the span held many pages
    page.run(
        "const real = fetch; window.pages = 0; window.fetch = (where, ...rest) => {"
        " const cut = String(where).replace('limit=10000', 'limit=1');"
        " if (cut !== String(where)) window.pages += 1;"
        " return real(cut, ...rest); };"
    )
    page.click(".trend-tools [data-value='300']")
    page.wait(lambda: page.run("return window.pages") == 5, "five pages")
    page.says(".trend .attention", "a part is shown")
    page.says(".summary", "not read")
    told = page.text(".summary")
    assert "gap" not in told
    shown = int(told.split(" readings")[0].replace(" ", "").replace(",", ""))
    assert 5 <= shown < 100, "five that were read, and those that came since"


def test_a_span_is_zoomed_into_and_left_by_keys(page: Page) -> None:
    page.open(f"series/{TEMPERATURE}?span=900")
    page.says(".summary", "readings")
    page.press("+")
    page.wait(lambda: "span=450" in page.url, "half the span")
    page.press(Keys.ARROW_LEFT)
    page.wait(lambda: "from=" in page.url, "an earlier span")
    page.press("0")
    page.wait(lambda: "from=" not in page.url, "the newest span")
    assert page.faults() == []


def test_the_overview_counts_what_there_is(page: Page) -> None:
    page.open("overview")
    page.says("[data-site='acme/north']", "North")
    page.wait(lambda: float(page.text("[data-field=readings_per_s]").split()[0]) > 0, "a rate")
    page.there("[aria-label='Assets to look at'] li a[href^='#/asset/acme/']")
    assert page.faults() == []


def test_rows_of_a_table_are_found_by_the_beginning_of_their_key(page: Page) -> None:
    page.open("tables/series")
    page.fill("#main input[type=search]", HOT)
    page.wait(lambda: page.texts(".grid-row [role=gridcell]:first-child") == [HOT], "the one row")
    page.click(".grid-row")
    page.says("dialog", "changelog offset")
    assert page.faults() == []


def test_rows_of_a_table_follow_the_commits_by_themselves(plant: BrowserPlant, page: Page) -> None:
    page.open(f"tables/series?key={TEMPERATURE}")
    offset = ".grid-row [role=gridcell]:nth-child(3)"
    page.changes(offset)

    plant.pause()
    try:
        last = plant.last_clean(TEMPERATURE)["value"]
        page.wait(lambda: _decoded(page)["last_value"] == str(last), f"{last} in the row")
    finally:
        plant.go_on()
    assert page.faults() == []


def test_windows_that_close_join_their_table(page: Page) -> None:
    page.open(f"tables/closed_windows?key={TEMPERATURE}")
    page.there(".grid-row")
    opened = to_iso(time.time_ns() // 1000)

    def newest() -> str:
        # pages of the table are read as it is scrolled
        page.run("const grid = document.querySelector('[role=grid]'); grid.scrollTop = grid.scrollHeight")
        starts = [re.search(r"window start (\S+)", text) for text in page.texts(".grid-row")]
        return max((found[1] for found in starts if found), default="")

    page.wait(lambda: newest() > opened, "a window that began since", 90)
    keys = page.attributes(".grid-row", "data-key")
    assert len(set(keys)) == len(keys) > 1
    assert page.faults() == []


def _decoded(page: Page) -> dict[str, str]:
    """The fields of the first row, as its dialog shows them."""
    page.click(".grid-row")
    page.there("dialog [data-field]")
    fields = dict(
        zip(page.attributes("dialog [data-field]", "data-field"), page.texts("dialog [data-field]"), strict=True)
    )
    page.press(Keys.ESCAPE)
    page.gone("dialog")
    return fields


def test_names_that_devices_made_are_text(plant: BrowserPlant, page: Page) -> None:
    alarm = {"asset_id": "pump-3", "tenant_id": "acme", "site_id": "north", "type": SCRIPT, "severity": "LOW",
             "state": "ACTIVE", "message": IMAGE, "timestamps": {"device_time": "2026-01-01T00:00:00Z"}}  # fmt: skip
    plant.send("alarms.raw", [("acme/north/pump-3", alarm)])

    page.open(f"series/{ODD_UNIT}")
    page.says(".now .unit", IMAGE)
    page.open("alarms?q=script")
    page.click(f".grid-row[data-key={json.dumps(page.row_that_says(SCRIPT))}]")
    page.says(".pane", IMAGE)
    page.says(".pane", SCRIPT)
    assert page.run("return document.querySelectorAll('main script, main img').length") == 0
    assert page.faults() == []
