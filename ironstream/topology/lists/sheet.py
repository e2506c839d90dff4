"""Tables as spreadsheets (.xlsx): a number stays a number and a text a text, and nothing is computed."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import IllegalCharacterError, InvalidFileException

from ironstream.errors import ConfigurationError
from ironstream.topology.lists.cells import as_cell
from ironstream.topology.lists.columns import CellKind, Column
from ironstream.topology.lists.rows import Cell, Row

_MAX_UNPACKED: Final = 512 * 1024 * 1024
_MAX_COLUMNS: Final = 512
_MAX_TEXT: Final = 32_767
"""Characters that a cell of a spreadsheet holds; the rest would be cut off."""
_TEXT_FORMAT: Final = "@"
_SAVE_AGAIN: Final = "Save it as an Excel workbook (.xlsx), or as `CSV UTF-8`."


def sheet_rows(data: bytes, filename: str) -> Iterator[Row]:
    """The rows of the first sheet of a workbook that are not empty; lines are its rows.

    Raises ConfigurationError for what is no workbook.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > _MAX_UNPACKED:
            raise ConfigurationError(f"{filename} is over {_MAX_UNPACKED >> 20} MiB unpacked.", "Split the list.")
        with warnings.catch_warnings():
            # what it leaves out of a workbook are looks: styles, lists to choose from
            warnings.simplefilter("ignore")
            rows = _rows(data, filename)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError, TypeError) as error:
        raise ConfigurationError(f"{filename} is no workbook: {error}", _SAVE_AGAIN) from error
    return iter(rows)


def _rows(data: bytes, filename: str) -> list[Row]:
    book = load_workbook(io.BytesIO(data), read_only=True)
    try:
        if not book.worksheets:
            raise ConfigurationError(f"{filename} has no sheet.", _SAVE_AGAIN)
        sheet: Any = book.worksheets[0]
        # some programs write a size that is not so
        sheet.reset_dimensions()
        made = (_row(line, cells) for line, cells in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), start=1))
        return [row for row in made if row is not None]
    finally:
        book.close()


def rows_to_sheet(columns: Sequence[Column], rows: Iterable[Sequence[Any]], title: str) -> bytes:
    """A workbook of one sheet with these rows of values under a header; MISSING is an empty cell.

    Columns of texts have the format of texts, so that a spreadsheet takes what is typed there as it is. Raises
    ConfigurationError for a text that no cell can hold.
    """
    book = Workbook()
    sheet: Any = book.active
    sheet.title = title
    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        head = sheet.cell(1, place, column.name)
        head.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(place)].width = max(10, len(column.name) + 2)
        if column.kind is not CellKind.NUMBER:
            sheet.column_dimensions[get_column_letter(place)].number_format = _TEXT_FORMAT
    for line, values in enumerate(rows, start=2):
        for place, (column, value) in enumerate(zip(columns, values, strict=True), start=1):
            _put(sheet, line, place, column, as_cell(column, value))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _put(sheet: Any, line: int, place: int, column: Column, value: Cell) -> None:
    if value == "" and isinstance(value, str):
        return
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        raise ConfigurationError(
            f"row {line}, column {column.name}: {len(value):,} characters, and a cell holds {_MAX_TEXT:,}",
            "Write a CSV.",
        )
    cell = sheet.cell(line, place)
    try:
        cell.value = value
    except IllegalCharacterError:
        raise ConfigurationError(
            f"row {line}, column {column.name}: {value!r} has a sign that no spreadsheet takes", "Write a CSV."
        ) from None
    if isinstance(value, str):
        # else a text that begins with `=` would be computed
        cell.data_type = "s"
        cell.number_format = _TEXT_FORMAT


def _row(line: int, cells: Iterable[Any]) -> Row | None:
    read: list[Cell] = []
    faults: list[tuple[int, str]] = []
    for position, cell in enumerate(cells):
        value, fault = _value(cell)
        read.append(value)
        if fault:
            faults.append((position, fault))
    empty = not faults and all(isinstance(cell, str) and not cell.strip() for cell in read)
    return None if empty else Row(line, read, typed=True, faults=faults)


def _value(cell: Any) -> tuple[Cell, str]:
    """What a cell holds, and what is wrong with it."""
    value = cell.value
    if value is None:
        return "", ""
    match cell.data_type:
        case "f":
            return "", f"holds a formula ({str(value)[:40]}): copy it and paste it as a value"
        case "e":
            return "", f"holds the error {value}: mend what it was computed from, or write the value"
        case "d":
            return "", f"was taken for a date ({value}): format the cell as text and write it again"
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value, ""
    if isinstance(value, int | float):
        if "%" in str(cell.number_format):
            return "", f"is a percentage, which stands there as {value:g}: format the cell as text and write it again"
        return (int(value) if isinstance(value, float) and value.is_integer() else value), ""
    return str(value), ""
