"""One value of a tag as the text of a cell, and back exactly. Pure.

A spreadsheet runs what begins with `=`, `+`, `-` or `@`, and drops blanks at the ends. A text that is in such danger
gets an apostrophe before it, which reading takes off again; numbers never get one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ironstream.gateway.tag_columns import CellKind, Column

_NULL: Final = "null"
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_DANGEROUS: Final = frozenset("=+-@")


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
