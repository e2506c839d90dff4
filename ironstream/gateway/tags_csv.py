"""Tags as CSV, for lists that come out of a spreadsheet and go there. Pure.

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
from ironstream.gateway.tag_cells import read_cell, write_cell
from ironstream.gateway.tag_columns import MISSING, Column, columns_of, put, told, value_at
from ironstream.names import twice
from ironstream.topology.checks.wording import describe
from ironstream.topology.faults import did_you_mean, quote


@dataclass(frozen=True, slots=True)
class ListedTag:
    """A tag and the line that it begins in; `fields` is what stands for it under `tags:` of a configuration."""

    line: int
    tag: BaseModel
    fields: dict[str, Any]


def columns(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the columns of a list of such tags, `name` first."""
    return tuple(column.name for column in columns_of(model))


def fields_of_tag(tag: BaseModel) -> dict[str, Any]:
    """What stands for a tag under `tags:` of a configuration: its name, and what is not at its default."""
    return told(tag, columns_of(type(tag)))


def tags_to_csv(tags: Iterable[BaseModel], model: type[BaseModel]) -> str:
    """One line for each tag under a header; what is left at its default is an empty cell."""
    out = io.StringIO()
    wanted = columns_of(model)
    writer = csv.writer(out)
    writer.writerow(column.name for column in wanted)
    for tag in tags:
        fields = told(tag, wanted)
        cells = ((column, value_at(fields, column.path)) for column in wanted)
        writer.writerow("" if value is MISSING else write_cell(column, value) for column, value in cells)
    return out.getvalue()


def tags_from_csv(
    text: str, model: type[BaseModel], *, filename: str = "", on_line: Callable[[int], None] = lambda line: None
) -> list[ListedTag]:
    """The tags of a CSV with a header; columns in any order, separated by comma, semicolon or tab.

    With semicolons a number may have a decimal comma. Empty lines are passed over. `on_line` is told each line that
    was read. Raises ConfigurationError naming every line at fault, its column, why, and what to do.
    """
    place = f"{filename}:" if filename else "line "
    rows = _rows(text, place)
    header = next(rows, None)
    if header is None:
        raise ConfigurationError(f"{place}1: there is no header", f"the columns are: {', '.join(columns(model))}")
    by_position = _by_position(header.cells, model, f"{place}{header.line}")
    tags: list[ListedTag] = []
    faults: list[str] = []
    for row in rows:
        on_line(row.line)
        where = f"{place}{row.line}"
        found = _tag(row, by_position, model)
        if isinstance(found, ListedTag):
            tags.append(found)
        else:
            faults += [f"{where}: {fault}" for fault in found]
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the lines named above; nothing was changed")
    return tags


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Sequence[str]
    decimal_comma: bool


def _rows(text: str, place: str) -> Iterator[_Row]:
    """The rows that are not empty, each with the line that it begins in."""
    text = text.removeprefix("\ufeff")
    line = 0
    if text[:4].lower() == "sep=":
        # so some spreadsheets say what separates the cells
        _, _, text = text.partition("\n")
        line = 1
    # spreadsheets of some countries separate by semicolons; no column has a separator in its name
    head, _, _ = text.lstrip("\r\n").partition("\n")
    delimiter = ";" if ";" in head else "\t" if "\t" in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    above = line
    begins = line + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _Row(begins, cells, delimiter == ";")
            begins = above + reader.line_num + 1
    except csv.Error as error:
        raise ConfigurationError(
            f"{place}{begins}: is not CSV: {error}",
            'put a cell that has a quote in it into quotes, and double the quote: "a ""b"" c"',
        ) from None


def _by_position(header: Sequence[str], model: type[BaseModel], where: str) -> list[Column | None]:
    """The column of each position; a position without a name has none. Raises ConfigurationError."""
    known = {column.name: column for column in columns_of(model)}
    names = [cell.strip() for cell in header]
    faults = [
        f"{where}: unknown column {quote(name)}" + (f", {hint}" if (hint := did_you_mean(name, known)) else "")
        for name in names
        if name and name not in known
    ]
    faults += [f"{where}: column {name} is there twice" for name in twice(filter(None, names))]
    faults += [
        f"{where}: column {column.name} is missing"
        for column in known.values()
        if column.required and column.name not in names
    ]
    if faults:
        raise ConfigurationError("\n".join(faults), f"the columns are: {', '.join(known)}")
    return [known.get(name) for name in names]


def _tag(row: _Row, by_position: Sequence[Column | None], model: type[BaseModel]) -> ListedTag | list[str]:
    """The tag of a row, or what is wrong with it."""
    fields: dict[str, Any] = {}
    faults: list[str] = []
    for position, cell in enumerate(row.cells):
        if not cell.strip() and not cell.startswith("'"):
            continue
        column = by_position[position] if position < len(by_position) else None
        if column is None:
            faults.append(f"cell {position + 1} ({quote(cell)}) stands below no column")
            continue
        try:
            put(fields, column.path, read_cell(column, cell, decimal_comma=row.decimal_comma))
        except ValueError as error:
            faults.append(f"column {column.name}: {error}")
    if faults:
        return faults
    try:
        tag = model.model_validate(fields)
    except ValidationError as error:
        return [_fault(detail, model) for detail in error.errors(include_url=False)]
    return ListedTag(row.line, tag, fields_of_tag(tag))


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
