"""The files that topology.yaml includes: which they are, and how their lists become those of one topology. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from ironstream.topology.checks.report import Report
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import Topology
from ironstream.topology.nodes import Node

SECTIONS: Final = ("tenants", "sites", "machine_types", "assets", "pipelines", "alarms", "sinks")
"""What an included file may declare: the lists, to which each file adds."""
IS_FOLDER: Final = "is a folder"
"""Why a folder is not read."""
_MAGIC: Final = frozenset("*?[")
_FIRST_LINE: Final = "start every file of a topology with `version: 1`"


def is_pattern(text: str) -> bool:
    """False for the name of one file."""
    return not _MAGIC.isdisjoint(text)


def normal(pattern: str) -> str:
    """A pattern as names of files are written: without `./`, and without doubled `/`."""
    return str(PurePosixPath(pattern))


def outside(pattern: str) -> bool:
    """True for a pattern that leaves the folder of topology.yaml, or is not written as one within it."""
    path = PurePosixPath(pattern)
    return path.is_absolute() or ".." in path.parts or "\\" in pattern or pattern[1:2] == ":"


def patterns_of(root: Node) -> list[Node]:
    """The texts under `include`, as far as they are texts."""
    section = root.child("include")
    found = section.children() if section is not None and isinstance(section.value, list) else ()
    return [node for node in found if isinstance(node.value, str) and node.value]


def usable_patterns(root: Node) -> tuple[str, ...]:
    """The patterns that may be looked for, in the order of the file."""
    texts = (str(node.value) for node in patterns_of(root))
    return tuple(normal(text) for text in texts if not outside(text))


def matches(pattern: str, name: str) -> bool:
    """Whether a file is meant by a pattern (both relative, with `/`). `**` is any number of folders; names that begin
    with a dot, as editors give to what they are writing, only match what begins with a dot too.
    """
    return _matches(pattern.split("/"), name.split("/"))


def _matches(patterns: Sequence[str], parts: Sequence[str]) -> bool:
    if not patterns or not parts:
        return not patterns and not parts
    first, rest = patterns[0], patterns[1:]
    if first == "**" and rest:
        return _matches(rest, parts) or (not parts[0].startswith(".") and _matches(patterns, parts[1:]))
    hidden = parts[0].startswith(".") and not first.startswith(".")
    return not hidden and fnmatchcase(parts[0], first) and _matches(rest, parts[1:])


def in_order(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """The files that are meant, each once: by the first pattern that means it, then by name."""
    known = sorted(names)
    return list(dict.fromkeys(name for pattern in patterns for name in known if matches(pattern, name)))


def check_patterns(root: Node, root_name: str, names: Sequence[str], unread: Mapping[str, str], report: Report) -> bool:
    """Note every pattern that cannot be used or finds nothing; `unread` tells why a file could not be read.

    True when every file that is named is there, so that what refers to it can be looked for.
    """
    complete = True
    for node in patterns_of(root):
        text = str(node.value)
        found = [name for name in (*names, *unread) if matches(normal(text), name)]
        if outside(text):
            mend = "write it relative to the folder of this file, with `/`; what is outside of that is never read"
            report.error_at(node, f"{quote(text)} is not within the folder of this file", mend)
            complete = False
        elif not is_pattern(text) and normal(text) == root_name:
            report.error_at(node, "the file includes itself", "remove the line")
        elif not found and is_pattern(text):
            mend = "correct the pattern, or put a file there; `**/` is any folder below"
            report.warning_at(node, f"no file matches {quote(text)}", mend)
        elif not found:
            mend = did_you_mean(text, names) or "correct the name: it is relative to the folder of this file"
            report.error_at(node, f"there is no file {quote(text)}", mend)
            complete = False
        for name in found:
            if name in unread:
                whole_folder = f"write `{name}/*.yaml` for all files of it"
                mend = whole_folder if unread[name] == IS_FOLDER else "let it be a file that this user may read"
                report.error_at(node, f"{name} {unread[name]}", mend)
                complete = False
    return complete


def merge(root: Node, others: Mapping[str, Node], report: Report) -> None:
    """Add the lists of the other files (name for messages → tree) to those of the root, in their order."""
    for name, other in others.items():
        other.filename = name
        for key, items in _sections(other, report):
            section = _section_of(root, key)
            if isinstance(section.value, list):
                for item in items:
                    item.parent, item.filename = section, name
                section.value += items


def _section_of(root: Node, key: str) -> Node:
    found = root.child(key)
    if found is None:
        assert isinstance(root.value, dict), "a tree that was read has a mapping as its root"
        found = root.value[key] = Node([], root.line, root.column)
        found.key, found.parent = key, root
    return found


def _sections(other: Node, report: Report) -> Iterator[tuple[str, list[Node]]]:
    """The lists of a file, and notes on all else that is in it."""
    version = other.child("version")
    if version is None:
        report.error_at(other, "the file does not say `version`", _FIRST_LINE)
    for node in other.children():
        key = str(node.key)
        if key == "version":
            if node.value != 1 or isinstance(node.value, bool):
                report.error_at(node, f"version {quote(node.value)} is not known", _FIRST_LINE)
        elif key == "include":
            report.error_at(node, "an included file includes others", f"move the patterns to {report.filename}")
        elif key not in SECTIONS:
            moved = f"move it to {report.filename}: here are {', '.join(SECTIONS)}"
            mend = moved if key in Topology.model_fields else did_you_mean(key, SECTIONS) or moved
            report.error_at(node, f"an included file has no field {quote(key)}", mend, at_key=True)
        elif not isinstance(node.value, list):
            report.error_at(node, f"`{key}` must be a list", "start each item with `- ` on a line of its own")
        else:
            yield key, list(node.value)
