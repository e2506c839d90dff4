"""Changes one list of topology.yaml in its text, so that everything else stays as it was typed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ironstream.topology.block import block
from ironstream.topology.flow import flow

_WIDTH: Final = 120
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item that stays as it is in the file; `place` counts from 0."""

    place: int


@dataclass(frozen=True, slots=True)
class Changed:
    """An item in the place of another; the comments above it and at its end stay."""

    place: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Added:
    """An item that was not there."""

    fields: Mapping[str, Any]


Item = Kept | Changed | Added


class NotEditableError(ValueError):
    """The list is written in a way that cannot be changed in place; the message says which."""


def with_items(text: str, path: Sequence[str | int], items: Sequence[Item]) -> str:
    """`text` of a topology file with these items as the list at `path`, as `("pipelines", 0, "config", "tags")`.

    Comments above an item belong to it and go where it goes. All outside of the list stays to the letter; a list of the
    root that is not there yet comes at the end. Raises NotEditableError.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=_Loader)
    parent = root
    for part in path[:-1]:
        parent = _item(parent, part) if isinstance(part, int) else _value(parent, part)
    key = str(path[-1])
    if not isinstance(parent, MappingNode):
        raise NotEditableError("the pipeline has no config: write it, with the address of the device, first")
    found = _value(parent, key)
    if isinstance(found, SequenceNode) and not found.flow_style:
        return _in_block(text, found, items, newline) if items else _emptied(text, parent, key, found)
    if isinstance(found, SequenceNode) and (found.value or parent.flow_style):
        return _in_brackets(text, found, items, newline)
    fields = [item.fields for item in items if not isinstance(item, Kept)]
    if found is None and parent is root and not parent.flow_style:
        return _at_end(text, key, fields, newline)
    if found is None:
        return _as_first_field(text, parent, key, fields, newline)
    if parent.flow_style:
        return _in_brackets(text, found, items, newline)
    return _below_key(text, parent, found, fields, newline)


def _in_block(text: str, tags: SequenceNode, items: Sequence[Item], newline: str) -> str:
    begin = _line_start(text, tags.start_mark.index)
    indent = tags.start_mark.index - begin
    while _is_comment(above := text[_line_start(text, begin - 1) : begin]):
        begin -= len(above)
    end = tags.end_mark.index
    if not text[_line_start(text, end) : end].strip():
        # a block ends where the next thing begins: the blanks before that are not its own
        end = _line_start(text, end)
    segments, after = _segments(text[begin:end], indent)
    if len(segments) != len(tags.value):
        raise NotEditableError("the list has lines that look like items of it: put each item on lines of its own")
    lines: list[str] = []
    for item in items:
        match item:
            case Kept(place):
                lines.append(segments[place].above + _ended(segments[place].own, newline))
            case Changed(place, fields):
                comment = _comment_after(text, tags.value[place])
                lines.append(segments[place].above + _entry(fields, indent, newline, comment))
            case Added(fields):
                lines.append(_entry(fields, indent, newline))
    return text[:begin] + "".join(lines) + after + text[end:]


@dataclass(frozen=True, slots=True)
class _Segment:
    """An item of a list: the comments above it, and its own lines."""

    above: str
    own: str


def _segments(region: str, indent: int) -> tuple[list[_Segment], str]:
    """The items of a block list, and the comments after the last one, which belong to what follows."""
    dash = re.compile(rf" {{{indent}}}-(?=[ \t\r\n]|$)")
    before: list[str] = []
    blocks: list[list[str]] = []
    for line in _LINES.findall(region):
        if dash.match(line):
            blocks.append([line])
        else:
            (blocks[-1] if blocks else before).append(line)
    segments: list[_Segment] = []
    above = "".join(before)
    for item in blocks:
        own = len(item)
        while own > 1 and _is_comment(item[own - 1]):
            own -= 1
        segments.append(_Segment(above, "".join(item[:own])))
        above = "".join(item[own:])
    return segments, above


def _is_comment(line: str) -> bool:
    """Whether a line has nothing but a comment, or nothing at all."""
    return line.isspace() or line.lstrip().startswith("#")


def _emptied(text: str, parent: MappingNode, key: str, found: SequenceNode) -> str:
    """`[]` in the place of a block list, whose comments go with it."""
    name = next(name for name, value in parent.value if value is found)
    colon = text.index(":", name.end_mark.index) + 1
    end = found.end_mark.index
    if not text[_line_start(text, end) : end].strip():
        end = _line_start(text, end)
    _, after = _segments(text[_line_start(text, found.start_mark.index) : end], found.start_mark.column)
    line_end = text.index("\n", colon) + 1
    return text[:colon] + " []" + text[colon:line_end] + after + text[end:]


def _at_end(text: str, key: str, fields: Sequence[Mapping[str, Any]], newline: str) -> str:
    """The list as the last field of the file."""
    return _ended(text, newline) + f"{newline}{key}:{newline}" + "".join(_entry(item, 2, newline) for item in fields)


def _entry(fields: Mapping[str, Any], indent: int, newline: str, comment: str = "") -> str:
    """One item of a block list: in braces where it fits on a line, else a field a line."""
    line = f"{' ' * indent}- {flow(fields)}{comment}"
    if len(line) <= _WIDTH:
        return line + newline
    rows = block(fields, indent + 2, _WIDTH)
    rows[0] = f"{' ' * indent}- {rows[0].lstrip(' ')}{comment}"
    return newline.join(rows) + newline


def _in_brackets(text: str, tags: Node, items: Sequence[Item], newline: str) -> str:
    """The list as `[…]`, an item a line; what stays in it is written as it stood."""
    written = [
        flow(item.fields) if not isinstance(item, Kept) else _source(text, tags.value[item.place]) for item in items
    ]
    begin, end = tags.start_mark.index, tags.end_mark.index
    blank = "" if text[begin - 1 : begin].isspace() else " "
    return text[:begin] + blank + _bracketed(text, begin, written, newline) + text[end:]


def _below_key(text: str, config: MappingNode, tags: Node, fields: Sequence[Mapping[str, Any]], newline: str) -> str:
    """The list below its key, which has no value yet, or an empty one."""
    begin, end = tags.start_mark.index, tags.end_mark.index
    indent = config.start_mark.index - _line_start(text, config.start_mark.index) + 2
    comment, _, rest = text[end:].partition("\n")
    rows = "".join(_entry(item, indent, newline) for item in fields)
    return text[:begin].rstrip(" ") + comment.rstrip("\r") + newline + rows + rest


def _as_first_field(text: str, config: MappingNode, key: str, fields: Sequence[Mapping[str, Any]], newline: str) -> str:
    """The list in a mapping that has none."""
    at = config.start_mark.index
    if config.flow_style:
        comma = ", " if config.value else ""
        return f"{text[: at + 1]}{key}: {_bracketed(text, at, map(flow, fields), newline)}{comma}{text[at + 1 :]}"
    indent = at - _line_start(text, at)
    rows = "".join(_entry(item, indent + 2, newline) for item in fields)
    return f"{text[:at]}{key}:{newline}{rows}{' ' * indent}{text[at:]}"


def _bracketed(text: str, at: int, written: Iterable[str], newline: str) -> str:
    line = text[_line_start(text, at) :]
    indent = newline + " " * (len(line) - len(line.lstrip(" ")) + 4)
    items = f",{indent}".join(written)
    return f"[{indent}{items}]" if items else "[]"


def _source(text: str, node: Node) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _comment_after(text: str, node: Node) -> str:
    """The comment at the end of the line of an item in braces, with the blanks before it."""
    if not isinstance(node, MappingNode) or not node.flow_style:
        return ""
    begin = node.end_mark.index
    end = text.find("\n", begin)
    rest = text[begin : len(text) if end < 0 else end].rstrip("\r")
    return rest if rest[:1].isspace() and rest.lstrip().startswith("#") else ""


def _ended(lines: str, newline: str) -> str:
    return lines if lines.endswith("\n") else lines + newline


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _value(node: Node | None, key: str) -> Node | None:
    """The value under a key of a mapping; None where there is none."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for name, value in pairs if isinstance(name, ScalarNode) and name.value == key), None)


def _item(node: Node | None, place: int) -> Node:
    assert isinstance(node, SequenceNode), "the pipeline was found in this list"
    item: Node = node.value[place]
    return item
