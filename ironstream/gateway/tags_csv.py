"""Tags as CSV, for lists that come out of a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ironstream.errors import ConfigurationError

_LEFT_OUT: Final = frozenset({"report"})
"""Report by exception does not fit into a cell and stays in YAML."""


def columns(model: type[BaseModel]) -> tuple[str, ...]:
    """The columns of a list of such tags, `name` first."""
    return ("name", *(field for field in model.model_fields if field != "name" and field not in _LEFT_OUT))


def tags_to_csv(tags: Iterable[BaseModel], model: type[BaseModel]) -> str:
    """One line for each tag under a header; what is left at its default is an empty cell."""
    out = io.StringIO()
    header = columns(model)
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    for tag in tags:
        fields = tag.model_dump(mode="json", exclude=set(_LEFT_OUT), exclude_defaults=True)
        # the type is told even where it is the default, because a reader of the list looks for it
        if "type" in header:
            fields["type"] = tag.model_dump(mode="json", include={"type"})["type"]
        writer.writerow(fields)
    return out.getvalue()


def tags_from_csv(text: str, model: type[BaseModel]) -> list[dict[str, Any]]:
    """The tags of a CSV with a header, as the config has them; columns in any order, empty cells left out.

    Raises ConfigurationError naming every line at fault.
    """
    # spreadsheets of some countries separate by semicolons
    header, _, _ = text.partition("\n")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";" if ";" in header else ",")
    known = columns(model)
    unknown = [name for name in reader.fieldnames or () if name not in known]
    if unknown or not reader.fieldnames:
        raise ConfigurationError(
            f"line 1: unknown columns {', '.join(unknown)}" if unknown else "line 1: there is no header",
            f"the columns are: {', '.join(known)}",
        )
    tags: list[dict[str, Any]] = []
    faults: list[str] = []
    for row in reader:
        fields = {name: cell.strip() for name, cell in row.items() if isinstance(cell, str) and cell.strip()}
        try:
            tag = model.model_validate(fields)
        except ValidationError as error:
            faults += [
                f"line {reader.line_num}: {'.'.join(map(str, fault['loc'])) or 'tag'}: "
                + fault["msg"].removeprefix("Value error, ")
                for fault in error.errors(include_url=False, include_input=False)
            ]
        else:
            told = {"type": tag.model_dump(mode="json", include={"type"})["type"]} if "type" in known else {}
            tags.append(tag.model_dump(mode="json", exclude_defaults=True) | told)
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the lines named above")
    return tags
