"""Rows of a table, from wherever they come, and those of a CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironstream.errors import ConfigurationError

Cell = str | int | float | bool
"""What a cell holds; the cells of a CSV are texts, an empty cell is an empty text."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not empty, and the line that it begins in, from 1.

    `typed`: its cells know whether they hold a number or a text, as those of a spreadsheet. `decimal_comma`: numbers
    may be written 0,5. `faults` says which of its cells hold what cannot be read, by their position, from 0.
    """

    line: int
    cells: Sequence[Cell]
    decimal_comma: bool = False
    typed: bool = False
    faults: Sequence[tuple[int, str]] = ()

    @property
    def texts(self) -> list[str]:
        """The cells as texts, for a header."""
        return [str(cell).strip() for cell in self.cells]


def csv_rows(text: str, place: str) -> Iterator[Row]:
    """The rows of a CSV that are not empty; separated by comma, semicolon or tab, by semicolons with decimal commas.

    `place` comes before the line in messages. Raises ConfigurationError for what is no CSV.
    """
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
                yield Row(begins, cells, delimiter == ";")
            begins = above + reader.line_num + 1
    except csv.Error as error:
        raise ConfigurationError(
            f"{place}{begins}: is not CSV: {error}",
            'put a cell that has a quote in it into quotes, and double the quote: "a ""b"" c"',
        ) from None
