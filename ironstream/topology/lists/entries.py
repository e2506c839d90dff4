"""Entries of a list as rows of a table, one each, for lists that come out of a spreadsheet and go there. Pure.

What is exported is imported again exactly. An empty cell is the default of its field; the fields of a nested model have
columns of their own (`report.mode`), and what no cell can hold is JSON in the cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ironstream.errors import ConfigurationError
from ironstream.names import twice
from ironstream.topology.checks.wording import describe
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.lists.cells import read_cell, value_of_cell, write_cell
from ironstream.topology.lists.columns import MISSING, Column, columns_of, put, told, value_at
from ironstream.topology.lists.rows import Cell, Row, csv_rows


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: the line that it begins in, its value, and `fields`, what stands for it in the list of the file."""

    line: int
    value: BaseModel
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A row of which only what names an entry was read."""

    line: int
    fields: dict[str, Any]


def columns(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the columns of a list of such entries, `name` first."""
    return tuple(column.name for column in columns_of(model))


def fields_of(value: BaseModel) -> dict[str, Any]:
    """What stands for an entry in the list of the file: its name, and what is not at its default."""
    return told(value, columns_of(type(value)))


def rows_of(values: Iterable[BaseModel], model: type[BaseModel]) -> Iterator[list[Any]]:
    """The values of each entry in the order of the columns; MISSING for what is left at its default."""
    wanted = columns_of(model)
    for value in values:
        fields = told(value, wanted)
        yield [value_at(fields, column.path) for column in wanted]


def entries_to_csv(values: Iterable[BaseModel], model: type[BaseModel]) -> str:
    """One line for each entry under a header; what is left at its default is an empty cell."""
    out = io.StringIO()
    wanted = columns_of(model)
    writer = csv.writer(out)
    writer.writerow(column.name for column in wanted)
    for row in rows_of(values, model):
        cells = zip(wanted, row, strict=True)
        writer.writerow("" if value is MISSING else write_cell(column, value) for column, value in cells)
    return out.getvalue()


def entries_from_csv(
    text: str, model: type[BaseModel], *, filename: str = "", on_line: Callable[[int], None] = lambda line: None
) -> list[Entry]:
    """The entries of a CSV with a header, as `read_entries` tells."""
    place = f"{filename}:" if filename else "line "
    return read_entries(csv_rows(text, place), model, filename=filename, on_line=on_line)


def read_entries(
    rows: Iterator[Row],
    model: type[BaseModel],
    *,
    filename: str = "",
    on_line: Callable[[int], None] = lambda line: None,
) -> list[Entry]:
    """The entries in rows of which the first is a header; columns in any order.

    `on_line` is told each line that was read. Raises ConfigurationError naming every line at fault, its column, why,
    and what to do.
    """
    place = f"{filename}:" if filename else "line "
    header = _header(rows, model, place)
    by_position = _by_position(header, model, place, required=True)
    entries: list[Entry] = []
    faults: list[str] = []
    for row in rows:
        on_line(row.line)
        found = _entry(row, by_position, model)
        if isinstance(found, Entry):
            entries.append(found)
        else:
            faults += [f"{place}{row.line}: {fault}" for fault in found]
    _raise(faults)
    return entries


def read_names(rows: Iterator[Row], model: type[BaseModel], names: Sequence[str], *, filename: str = "") -> list[Named]:
    """Of rows of which the first is a header, what stands below the columns `names`; other columns are passed over.

    Raises ConfigurationError as `read_entries`; a row that gives none of them is at fault.
    """
    place = f"{filename}:" if filename else "line "
    header = _header(rows, model, place)
    by_position = [
        column if column is not None and column.name in names else None
        for column in _by_position(header, model, place, required=False)
    ]
    found: list[Named] = []
    faults: list[str] = []
    for row in rows:
        fields: dict[str, Any] = {}
        wrong = [(position, fault) for position, fault in row.faults if _named(by_position, position) is not None]
        faults += [f"{place}{row.line}: {_in_column(by_position, *fault)}" for fault in wrong]
        for position, cell in enumerate(row.cells):
            column = _named(by_position, position)
            if column is not None and not _is_empty(cell):
                put(fields, column.path, _read(column, row, cell))
        if fields:
            found.append(Named(row.line, fields))
        elif not wrong:
            faults.append(f"{place}{row.line}: names nothing; give one of the columns {', '.join(names)}")
    _raise(faults)
    return found


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the lines named above; nothing was changed")


def _header(rows: Iterator[Row], model: type[BaseModel], place: str) -> Row:
    header = next(rows, None)
    if header is None:
        raise ConfigurationError(f"{place}1: there is no header", f"the columns are: {', '.join(columns(model))}")
    return header


def _by_position(header: Row, model: type[BaseModel], place: str, *, required: bool) -> list[Column | None]:
    """The column of each position; a position without a name has none. Raises ConfigurationError."""
    where = f"{place}{header.line}"
    known = {column.name: column for column in columns_of(model)}
    names = header.texts
    faults = [
        f"{where}: unknown column {quote(name)}" + (f", {hint}" if (hint := did_you_mean(name, known)) else "")
        for name in names
        if name and name not in known
    ]
    faults += [f"{where}: column {name} is there twice" for name in twice(filter(None, names))]
    faults += [
        f"{where}: column {column.name} is missing"
        for column in known.values()
        if required and column.required and column.name not in names
    ]
    if faults:
        raise ConfigurationError("\n".join(faults), f"the columns are: {', '.join(known)}")
    return [known.get(name) for name in names]


def _entry(row: Row, by_position: Sequence[Column | None], model: type[BaseModel]) -> Entry | list[str]:
    """The entry of a row, or what is wrong with it."""
    fields: dict[str, Any] = {}
    faults = [_in_column(by_position, position, fault) for position, fault in row.faults]
    for position, cell in enumerate(row.cells):
        if _is_empty(cell):
            continue
        column = _named(by_position, position)
        if column is None:
            faults.append(f"cell {position + 1} ({quote(cell)}) stands below no column")
            continue
        try:
            put(fields, column.path, _read(column, row, cell))
        except ValueError as error:
            faults.append(f"column {column.name}: {error}")
    if faults:
        return faults
    try:
        value = model.model_validate(fields)
    except ValidationError as error:
        return [_fault(detail, model) for detail in error.errors(include_url=False)]
    return Entry(row.line, value, fields_of(value))


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip() and not cell.startswith("'")


def _read(column: Column, row: Row, cell: Cell) -> Any:
    if row.typed:
        return value_of_cell(column, cell)
    return read_cell(column, str(cell), decimal_comma=row.decimal_comma)


def _named(by_position: Sequence[Column | None], position: int) -> Column | None:
    return by_position[position] if position < len(by_position) else None


def _in_column(by_position: Sequence[Column | None], position: int, fault: str) -> str:
    column = _named(by_position, position)
    return f"cell {position + 1} {fault}" if column is None else f"column {column.name}: {fault}"


def _fault(detail: Any, model: type[BaseModel]) -> str:
    message, mend = describe(detail, model)
    names = [column.name for column in columns_of(model)]
    location = tuple(str(part) for part in detail["loc"])
    # pydantic adds parts for the members of a union and the items of a list
    for length in range(len(location), 0, -1):
        name = ".".join(location[:length])
        if name in names or any(other.startswith(f"{name}.") for other in names):
            return f"column {name}: {message} (mend: {mend})"
    return f"{message} (mend: {mend})"
