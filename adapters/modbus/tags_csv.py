"""Tags as CSV, for lists that come out of a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from adapters.modbus.config import Tag
from ironstream.errors import ConfigurationError

HEADER: Final = ("name", *(field for field in Tag.model_fields if field not in ("name", "report")))
"""The columns; report by exception does not fit into a cell and stays in YAML."""


def tags_to_csv(tags: Iterable[Tag]) -> str:
    """One line for each tag under a header; what is left at its default is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER, lineterminator="\n")
    writer.writeheader()
    for tag in tags:
        fields = tag.model_dump(mode="json", exclude={"report"}, exclude_defaults=True)
        # the type is told even where it is the default, because a reader of the list looks for it
        writer.writerow({**fields, "type": tag.type.value})
    return out.getvalue()


def tags_from_csv(text: str) -> list[dict[str, Any]]:
    """The tags of a CSV with a header, as the config has them; columns in any order, empty cells left out.

    Raises ConfigurationError naming every line at fault.
    """
    # spreadsheets of some countries separate by semicolons
    header, _, _ = text.partition("\n")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";" if ";" in header else ",")
    unknown = [name for name in reader.fieldnames or () if name not in HEADER]
    if unknown or not reader.fieldnames:
        raise ConfigurationError(
            f"line 1: unknown columns {', '.join(unknown)}" if unknown else "line 1: there is no header",
            f"the columns are: {', '.join(HEADER)}",
        )
    tags: list[dict[str, Any]] = []
    faults: list[str] = []
    for row in reader:
        fields = {name: cell.strip() for name, cell in row.items() if isinstance(cell, str) and cell.strip()}
        try:
            tag = Tag.model_validate(fields)
        except ValidationError as error:
            faults += [
                f"line {reader.line_num}: {'.'.join(map(str, fault['loc'])) or 'tag'}: "
                + fault["msg"].removeprefix("Value error, ")
                for fault in error.errors(include_url=False, include_input=False)
            ]
        else:
            tags.append(tag.model_dump(mode="json", exclude_defaults=True) | {"type": tag.type.value})
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the lines named above")
    return tags
