"""What is saved as CSV is what Kafka has."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from tests.support.browser import Page
from tests.support.browser_plant import TEMPERATURE, BrowserPlant
from tests.support.faults.oracle import Logged
from tests.support.readings import name_of


def test_the_readings_of_a_span_are_saved_as_they_are_in_kafka(plant: BrowserPlant, page: Page, tmp_path: Path) -> None:
    page.open(f"series/{TEMPERATURE}?span=300&size=0")
    page.says(".summary", "readings")
    plant.pause()
    try:
        last = plant.last_clean(TEMPERATURE)
        page.shows(TEMPERATURE, last["value"])
        rows = _saved(page, tmp_path, "acme-north-pump-1-temperature_*Z_*Z.csv")
        clean = [_told(one) for one in plant.read("telemetry.clean") if _of(one)]
    finally:
        plant.go_on()
    assert rows[-1]["value"] == str(last["value"])
    found = [(row["time"], float(row["value"]), row["unit"], row["quality"]) for row in rows]
    # the span ends now and began 300 s ago: what is older is not in it
    assert found == clean[-len(found) :]
    assert len(found) == len([one for one in clean if one[0] >= found[0][0]])
    assert page.faults() == []


def test_windows_are_saved_once_each(plant: BrowserPlant, page: Page, tmp_path: Path) -> None:
    page.open(f"series/{TEMPERATURE}?span=300&size=1")
    page.says(".summary", "windows")
    rows = _saved(page, tmp_path, "acme-north-pump-1-temperature-1s_*Z_*Z.csv")
    starts = [row["start"] for row in rows]
    assert starts == sorted(set(starts))
    assert all(int(row["count"]) > 0 for row in rows)


def _saved(page: Page, folder: Path, name: str) -> list[dict[str, str]]:
    page.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=False)
    page.click("[data-command=csv]")
    file = page.wait(lambda: next(folder.glob(name), None), f"{name} to be saved")
    return list(csv.DictReader(io.StringIO(file.read_text())))


def _body(one: Logged) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(one.value or b"{}")
    return body


def _of(one: Logged) -> bool:
    return name_of(_body(one)) == TEMPERATURE


def _told(one: Logged) -> tuple[Any, ...]:
    body = _body(one)
    return body["timestamps"]["device_time"], body["value"], body["unit"], body["quality"]
