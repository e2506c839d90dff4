"""Files for spreadsheets: which span they are of, and whether they have all of it."""

from __future__ import annotations

import csv
import io

from ironstream.domain.times import to_us
from ironstream.web.csv_text import INCOMPLETE, csv_response, file_name


def _rows(next_: str | None) -> list[list[str]]:
    answer = csv_response("a.csv", ("time", "value"), [("t1", 1.5), ("t2", "=1+1")], next_)
    assert answer.headers.get("X-Next") == next_
    return list(csv.reader(io.StringIO(bytes(answer.body).decode())))


def test_a_file_that_has_not_all_rows_says_so_in_its_last_row() -> None:
    assert _rows("c7")[-1] == [INCOMPLETE, "c7"]


def test_a_file_with_all_rows_has_nothing_else() -> None:
    assert _rows(None) == [["time", "value"], ["t1", "1.5"], ["t2", "'=1+1"]]


def test_a_file_is_named_after_the_series_and_the_span() -> None:
    name = file_name("acme/north/pump-1/flow", to_us("2026-01-02T03:04:05.678Z"), to_us("2026-01-09T00:00:00Z"))
    assert name == "acme-north-pump-1-flow_20260102T030405Z_20260109T000000Z.csv"
