from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from adapters.modbus.config import Tag
from ironstream.errors import ConfigurationError
from ironstream.topology.lists.columns import columns_of
from ironstream.topology.lists.entries import Entry, entries_from_csv, entries_to_csv, read_entries, rows_of
from ironstream.topology.lists.sheet import rows_to_sheet, sheet_rows
from ironstream.topology.model import Alarm

STATE = st.sampled_from(["5", "true", "-1", "=1", "stopped", "null", '"x"', "[1]", "0,5", "'a"])
CONDITION = st.one_of(
    st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: {"above": value, "deadband": "2 %"}),
    st.just({"outside": [1, 2.5], "deadband": 0.5}),
    st.builds(lambda value: {"state": {"event": "mode", "is": value}}, STATE | st.booleans() | st.integers(0, 9)),
)
ALARM = st.builds(
    lambda condition, message, number: Alarm.model_validate(
        {"id": f"r{number}", "type": "007", "condition": condition, "message": message, "enabled": number % 2 == 0}
    ),
    CONDITION, st.sampled_from(["=SUM(A1)", "+ {value}", " a ", "1", "null", "'"]), st.integers(0, 99),
)  # fmt: skip


def entries(book: Workbook, model: Any = Tag) -> list[Entry]:
    data = io.BytesIO()
    book.save(data)
    return read_entries(sheet_rows(data.getvalue(), "list.xlsx"), model, filename="list.xlsx")


def book_of(*rows: tuple[Any, ...]) -> Workbook:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    return book


def faults_of(book: Workbook) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        entries(book)
    return caught.value.message.splitlines()


@settings(max_examples=12, deadline=None)
@given(st.lists(ALARM, min_size=1, max_size=8))
def test_whatever_a_rule_holds_comes_back_exactly_from_a_sheet_and_from_a_csv(rules: list[Alarm]) -> None:
    data = rows_to_sheet(columns_of(Alarm), rows_of(rules, Alarm), "alarm rules")

    assert [entry.value for entry in read_entries(sheet_rows(data, "x"), Alarm)] == rules
    assert [entry.value for entry in entries_from_csv(entries_to_csv(rules, Alarm), Alarm)] == rules


def test_a_text_that_looks_like_a_formula_is_written_as_text_and_a_number_as_a_number() -> None:
    tags = [Tag(name="a", address=7, unit="=1+1")]
    data = rows_to_sheet(columns_of(Tag), rows_of(tags, Tag), "tags")

    sheet = load_workbook(io.BytesIO(data)).worksheets[0]
    cells = {head.value: cell for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert (cells["name"].data_type, cells["name"].number_format) == ("s", "@")
    assert (cells["address"].value, cells["address"].data_type) == (7, "n")
    assert (cells["unit"].value, cells["unit"].data_type) == ("'=1+1", "s")


def test_a_text_of_digits_stays_a_text_and_so_does_a_number_where_a_text_belongs() -> None:
    found = entries(book_of(("name", "address", "asset"), ("007", 1, 12)))

    assert (found[0].value.name, found[0].value.asset) == ("007", "12")  # type: ignore[attr-defined]  # a Tag


def test_a_cell_that_cannot_be_taken_as_it_stands_is_named_with_row_and_column() -> None:
    book = book_of(("name", "address", "scale", "unit"), ("a", "=1+1", 1, "bar"), (), ("b", 2, 0.02, "bar"))
    sheet = book.worksheets[0]
    sheet["C4"].number_format = "0.00%"
    sheet.append(("c", 3, 1, datetime(2026, 3, 1)))
    sheet.append(("d", 4, 1, None, "far out"))
    sheet.append(("e", "many", 1, None))

    assert faults_of(book) == [
        "list.xlsx:2: column address: holds a formula (=1+1): copy it and paste it as a value",
        "list.xlsx:4: column scale: is a percentage, which stands there as 0.02: format the cell as text and write it "
        "again",
        "list.xlsx:5: column unit: was taken for a date (2026-03-01 00:00:00): format the cell as text and write it "
        "again",
        "list.xlsx:6: cell 5 ('far out') stands below no column",
        "list.xlsx:7: column address: `address` must be a whole number, not 'many' (mend: write a whole number "
        "(Address of the first register or bit, counted from the device's address_base))",
    ]


def test_an_error_value_is_refused() -> None:
    book = book_of(("name", "address"), ("a", "#REF!"))

    assert faults_of(book) == [
        "list.xlsx:2: column address: holds the error #REF!: mend what it was computed from, or write the value"
    ]


def test_only_the_first_sheet_is_read() -> None:
    book = book_of(("name", "address"), ("a", 1))
    book.create_sheet("notes").append(("whatever",))

    assert [entry.line for entry in entries(book)] == [2]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nothing", b"name,address\na,1\n"])
def test_what_is_no_workbook_is_told(data: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"list.xlsx is no workbook"):
        sheet_rows(data, "list.xlsx")


def test_an_archive_that_is_no_workbook_is_told() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", "a")

    with pytest.raises(ConfigurationError, match=r"list.xlsx is no workbook"):
        sheet_rows(data.getvalue(), "list.xlsx")


def test_a_text_that_no_cell_holds_is_refused_and_not_cut_off() -> None:
    rule = Tag(name="a", address=1, unit="x" * 40_000)

    with pytest.raises(ConfigurationError, match=r"row 2, column unit: 40,000 characters"):
        rows_to_sheet(columns_of(Tag), rows_of([rule], Tag), "tags")
