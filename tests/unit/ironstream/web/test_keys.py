"""Pages of tables, by their keys."""

from __future__ import annotations

import pytest

from ironstream.web.keys import KeyIndex
from tables.views import VIEWS
from tables.windows import CLOSED, open_key, window_key
from tests.support.web_memory import MemoryPlant, series_row

_SERIES = next(view for view in VIEWS if view.name == "series")
_WINDOWS = next(view for view in VIEWS if view.name == "windows")
_CLOSED = next(view for view in VIEWS if view.name == "closed_windows")
NAMES = [f"acme/north/pump-{number}/flow" for number in (3, 1, 2)]


def _index() -> KeyIndex:
    index = KeyIndex("telemetry")
    index.take([series_row(name) for name in NAMES])
    return index


def test_keys_come_in_order_from_any_place_on() -> None:
    index = _index()
    found = list(index.after(_SERIES, None, ""))
    assert [place[0] for place in found] == sorted(NAMES)
    assert [place[0] for place in index.after(_SERIES, found[0], "")] == sorted(NAMES)[1:]
    assert [place[0] for place in index.after(_SERIES, None, "acme/north/pump-2")] == ["acme/north/pump-2/flow"]
    assert list(index.after(_SERIES, None, "other/")) == []


def test_keys_that_come_and_go_are_seen() -> None:
    index = _index()
    list(index.after(_SERIES, None, ""))
    partition, (key, _) = series_row(NAMES[0])
    index.take([(partition, (key, None)), series_row("acme/north/pump-0/flow")])
    assert next(place[0] for place in index.after(_SERIES, None, "")) == "acme/north/pump-0/flow"
    assert index.count(_SERIES) == 3


def test_windows_of_a_series_stand_together_whatever_their_size() -> None:
    index = KeyIndex("telemetry")
    keys = [open_key(size * 1_000_000, name.encode()) for size in (1, 10) for name in ("a/b/c/d", "a/b/c/e")]
    index.take([(0, (key, b"row")) for key in keys])
    assert [place[0] for place in index.after(_WINDOWS, None, "")] == ["a/b/c/d", "a/b/c/d", "a/b/c/e", "a/b/c/e"]


def test_of_a_table_without_a_bound_the_newest_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ironstream.web.followed.MOST_RECENT", 2)
    plant = MemoryPlant()
    keys = [window_key(CLOSED, 1_000_000, b"a/b/c/d", number) for number in range(3)]
    plant.put("telemetry", [(0, (key, b"row")) for key in keys])
    held = plant.held("telemetry")
    assert [held.row(0, key) for key in keys] == [None, b"row", b"row"]
    assert held.keys.count(_CLOSED) == 2
    plant.put("telemetry", [(0, (keys[2], None))])
    assert held.keys.count(_CLOSED) == 1
    assert held.replica.rows[0] == {}
