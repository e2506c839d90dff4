"""Plain data as YAML of several lines, where one would be too long. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ironstream.topology.flow import flow


def block(fields: Mapping[str, Any], indent: int, width: int) -> list[str]:
    """The lines of a mapping, a field each, indented by `indent`; what goes beyond `width` has lines of its own."""
    lines: list[str] = []
    for key, value in fields.items():
        head = f"{' ' * indent}{flow(str(key))}:"
        line = f"{head} {flow(value)}"
        nested = isinstance(value, Mapping | Sequence) and not isinstance(value, str) and bool(value)
        if len(line) <= width or not nested:
            lines.append(line)
        elif isinstance(value, Mapping):
            lines += [head, *block(value, indent + 2, width)]
        else:
            lines += [head, *_items(value, indent + 2, width)]
    return lines


def _items(values: Sequence[Any], indent: int, width: int) -> list[str]:
    lines: list[str] = []
    for value in values:
        line = f"{' ' * indent}- {flow(value)}"
        if len(line) <= width or not isinstance(value, Mapping) or not value:
            lines.append(line)
            continue
        first, *others = block(value, indent + 2, width)
        lines += [f"{' ' * indent}- {first.lstrip(' ')}", *others]
    return lines
