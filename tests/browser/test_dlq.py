"""Dead letters in the browser: why, what it was, and once more."""

from __future__ import annotations

from tests.support.browser import Page
from tests.support.browser_plant import SCRIPT, BrowserPlant
from tests.support.readings import raw_reading


def test_a_record_with_a_hostile_name_is_found_read_and_replayed(plant: BrowserPlant, page: Page) -> None:
    body = raw_reading("acme/north/pump-9/flow", 3.5, 1) | {"parameter": SCRIPT}
    plant.send("telemetry.raw", [("acme/north/pump-9", body)])

    page.open("dlq")
    page.click("[data-reason=malformed]")
    place = page.row_that_says("pump-9")
    page.click(f".grid-row[data-key='{place}']")
    page.says("[data-field=text]", SCRIPT)
    page.says("[data-field=hex]", "000000")
    page.says("[data-field=detail]", "parameter")
    assert page.run("return document.querySelectorAll('main script').length") == 0

    records = {f"{one.partition}/{one.offset}": one for one in plant.read("dlq.invalid_telemetry")}
    assert SCRIPT.encode() in (records[place].value or b"")
    before = len(records)
    page.click("[data-command=replay]")
    page.click("dialog .primary")
    page.says("#notices", "Replayed")
    page.wait(lambda: len(plant.read("dlq.invalid_telemetry")) > before, "its return, since nothing was mended")
    assert page.faults() == []


def test_a_record_that_comes_while_the_list_is_open_joins_it(plant: BrowserPlant, page: Page) -> None:
    plant.send_malformed("pump-6")
    page.open("dlq")
    there = page.row_that_says("pump-6")
    shown = page.texts(".choice[aria-label=Topic] [aria-pressed=true] small")
    plant.send_malformed("pump-7")
    newest = page.row_that_says("pump-7")
    assert page.count(f".grid-row[data-key='{there}']") == 1
    assert page.attributes(".grid-row[aria-rowindex='2']", "data-key") == [newest]
    page.wait(
        lambda: page.texts(".choice[aria-label=Topic] [aria-pressed=true] small") != shown, "the count of its topic"
    )
    assert page.faults() == []
