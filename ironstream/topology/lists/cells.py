"""One value of an entry as a cell, and back exactly. Pure.

A spreadsheet runs what begins with `=`, `+`, `-` or `@`, and drops blanks at the ends. A text that is in such danger
gets an apostrophe before it, which reading takes off again; numbers never get one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ironstream.topology.lists.columns import MISSING, CellKind, Column
from ironstream.topology.lists.rows import Cell

_NULL: Final = "null"
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_DANGEROUS: Final = frozenset("=+-@")
_BOOLEANS: Final = {"true": True, "false": False}
_DIGITS: Final = ".16g"
"""How numbers are written into a spreadsheet; one that would lose a digit by it goes there as text."""


def write_cell(column: Column, value: Any) -> str:
    """The text of a cell that holds `value`, as `model_dump(mode="json")` gives it."""
    if value is None:
        return _NULL
    match column.kind:
        case CellKind.TEXT:
            return _guarded(str(value))
        case CellKind.ANY if isinstance(value, str):
            # written so that it is not taken for a number when it is read
            return _guarded(value if _parsed(value) is None else json.dumps(value, ensure_ascii=False))
    return json.dumps(value, ensure_ascii=False)


def read_cell(column: Column, cell: str, *, decimal_comma: bool = False) -> Any:
    """The value of a cell that is not empty; text where it is for the model to say what is wrong with it.

    `decimal_comma`: numbers may be written 0,5. Raises ValueError for a cell that must be JSON and is not.
    """
    if cell.startswith("'") and _in_danger(cell[1:]) and column.kind in (CellKind.TEXT, CellKind.ANY):
        return cell[1:]
    text = cell.strip()
    match column.kind:
        case CellKind.TEXT:
            return None if text == _NULL and column.null_is_told else text
        case CellKind.NUMBER:
            if text == _NULL and column.null_is_told:
                return None
            if text.lower() in _BOOLEANS:
                # a spreadsheet writes them large
                return _BOOLEANS[text.lower()]
            if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
                text = text.replace(",", ".")
            parsed = _parsed(text)
            return parsed[0] if parsed is not None and isinstance(parsed[0], bool | int | float) else text
        case CellKind.ANY:
            parsed = _parsed(text)
            return text if parsed is None else parsed[0]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('is not JSON; write lists as ["a", "b"] and mappings as {"a": 1}') from None


def as_cell(column: Column, value: Any) -> Cell:
    """What a cell of a spreadsheet holds for `value`: numbers as such, texts guarded as in `write_cell`."""
    if value is MISSING:
        return ""
    if column.kind in (CellKind.NUMBER, CellKind.ANY) and isinstance(value, bool | int | float):
        return (
            value if column.kind is CellKind.ANY or float(f"{value:{_DIGITS}}") == value else write_cell(column, value)
        )
    if column.kind is CellKind.ANY and isinstance(value, str) and _is_number(value):
        # the cell is one of text, which says enough
        return _guarded(value)
    return write_cell(column, value)


def value_of_cell(column: Column, cell: Cell) -> Any:
    """The value of a cell of a spreadsheet that is not empty; a text in it is never taken for a number.

    As `read_cell`, for a column of numbers it is for the text to be one.
    """
    if isinstance(cell, str):
        return cell.strip() if column.kind is CellKind.ANY and _is_number(cell) else read_cell(column, cell)
    return json.dumps(cell) if column.kind is CellKind.TEXT else cell


def _is_number(text: str) -> bool:
    parsed = _parsed(text)
    return parsed is not None and isinstance(parsed[0], bool | int | float)


def _guarded(text: str) -> str:
    return "'" + text if _in_danger(text) else text


def _in_danger(text: str) -> bool:
    """Whether a cell could not hold the text as it stands; apostrophes before it are looked through."""
    bare = text.lstrip("'")
    return not bare or bare[0] in _DANGEROUS or bare == _NULL or text != text.strip() or bare != bare.strip()


def _parsed(text: str) -> tuple[Any] | None:
    """What a text says as JSON, or None when it is no JSON."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None
