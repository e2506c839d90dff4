"""Ten thousand series and more alarms than are kept: the page holds what is in sight, and nothing more."""

from __future__ import annotations

from typing import Any

from tests.support.browser import Page
from tests.support.browser_plant import BrowserPlant
from tests.support.readings import raw_reading

ASSETS = 2_500
KEPT = 5_000
"""The alarms that the page keeps."""
MOST_ROWS = 90


def test_long_lists_are_scrolled_and_searched_with_few_elements(plant: BrowserPlant, page: Page) -> None:
    names = [f"m{number:04}" for number in range(ASSETS)]
    for start in range(0, ASSETS, 250):
        readings = [
            (f"acme/bulk/{name}", raw_reading(f"acme/bulk/{name}/{parameter}", 1.5, 1))
            for name in names[start : start + 250] for parameter in ("a", "b", "c", "d")
        ]  # fmt: skip
        plant.send("telemetry.raw", readings)
    alarms = [(name, kind) for name in names[:-1] for kind in ("a", "b")] + [(name, "c") for name in names[:100]]
    plant.send("alarms.raw", [_alarm(name, kind) for name, kind in alarms])

    page.open("overview")
    page.says("[data-site='acme/bulk']", "10\u202f000", 90)
    page.open("assets?site=bulk")
    page.wait(lambda: _scrolled_to_the_end(page, names[-1]), f"{names[-1]} at the end", 90)
    assert int(page.attribute("[role=grid]", "aria-rowcount")) == ASSETS + 1
    assert page.count(".grid-row") < MOST_ROWS
    # what is in sight is as it is now, however far down
    last = f".grid-row[data-key='acme/bulk/{names[-1]}'] .number"
    assert "1" not in [text.split(",")[0] for text in page.texts(last)]
    plant.send("alarms.raw", [_alarm(names[-1], "a")])
    page.wait(lambda: "1" in [text.split(",")[0] for text in page.texts(last)], "the alarm in the last row", 90)
    page.fill("#main input[type=search]", names[1234])
    page.wait(lambda: _keys(page) == [f"acme/bulk/{names[1234]}"], "the one asset")

    page.open("alarms")
    page.wait(lambda: int(page.attribute("[role=grid]", "aria-rowcount")) > KEPT, "all that is kept", 90)
    assert page.count(".grid-row") < MOST_ROWS
    page.says("#main .attention", "The gravest 5\u202f000 are shown, of 5\u202f1")
    beyond = names[-1]
    assert not any(beyond in key for key in _keys(page))
    page.fill("#main input[type=search]", f"a of {beyond}")
    page.wait(lambda: page.count(".grid-row") == 1, "the one alarm, from the server")
    assert beyond in page.attribute(".grid-row", "data-key")
    assert not page.count("#main .attention")
    assert page.faults() == []


def _alarm(name: str, kind: str) -> tuple[str, dict[str, Any]]:
    body = {
        "asset_id": name, "tenant_id": "acme", "site_id": "bulk", "type": kind, "severity": "LOW", "state": "ACTIVE",
        "message": f"{kind} of {name}", "timestamps": {"device_time": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    return f"acme/bulk/{name}", body


def _scrolled_to_the_end(page: Page, name: str) -> bool:
    page.run("const grid = document.querySelector('[role=grid]'); grid.scrollTop = grid.scrollHeight")
    return any(key.endswith(name) for key in _keys(page))


def _keys(page: Page) -> list[str]:
    return page.attributes(".grid-row", "data-key")
