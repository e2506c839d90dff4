"""Where a list of a topology stands: in one file, or in a part of several that are included. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from ironstream.errors import ConfigurationError
from ironstream.topology.checks.report import Report
from ironstream.topology.edit import Added, Item
from ironstream.topology.faults import Fault, TopologyError
from ironstream.topology.include import in_order, merge, usable_patterns
from ironstream.topology.load import load
from ironstream.topology.nodes import Node
from ironstream.topology.sources import Sources

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The items of a list that one file has. `file` is its name among the sources, `path` the list's place in it."""

    file: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class ListPlace:
    """A list of the whole topology, at `path` once all files are one; its items are those of the parts, in order."""

    path: Path
    parts: tuple[Part, ...]

    def split(self, items: Sequence[Item], lines: Sequence[int | None]) -> list[tuple[list[Item], list[int | None]]]:
        """The items of each part, with places in its own file, and their lines. What is new goes into the first."""
        begins = [sum(part.size for part in self.parts[:number]) for number in range(len(self.parts))]
        split: list[tuple[list[Item], list[int | None]]] = [([], []) for _ in self.parts]
        for item, line in zip(items, lines, strict=True):
            number = 0
            if not isinstance(item, Added):
                number = max(n for n, part in enumerate(self.parts) if part.size and begins[n] <= item.place)
                item = replace(item, place=item.place - begins[number])
            split[number][0].append(item)
            split[number][1].append(line)
        return split


class Tree:
    """A topology with all that it includes, read and not checked. Raises TopologyError where a file cannot be read."""

    def __init__(self, sources: Sources, folder: str = "") -> None:
        self.sources = sources
        self.folder = folder
        self._names = {self.shown(name): name for name in sources.files}
        faults: list[Fault] = []
        trees: dict[str, Node] = {}
        root = self._read(sources.root, faults)
        patterns = () if root is None else usable_patterns(root)
        for name in in_order(patterns, (name for name in sources.files if name != sources.root)):
            if (tree := self._read(name, faults)) is not None:
                trees[self.shown(name)] = tree
        if root is None or faults:
            raise TopologyError("\n".join(map(str, faults)), faults, "mend the topology file first")
        # what the files must not declare is told by the check of what the change makes of them
        merge(root, trees, Report(root, self.shown(sources.root)))
        self.root = root

    def shown(self, name: str) -> str:
        """The name of a file for messages."""
        return str(PurePath(self.folder, name)) if self.folder else name

    def name_of(self, shown: str) -> str:
        """The name of a file among the sources by that of messages."""
        return self._names.get(shown, shown)

    def pipeline(self, name: str) -> Node:
        """The pipeline of this id; of two with one id the first. Raises ConfigurationError when there is none."""
        section = self.root.child("pipelines")
        named: dict[str, Node] = {}
        for node in () if section is None else section.children():
            named.setdefault(_text(node, "id"), node)
        if name not in named:
            known = ", ".join(filter(None, named)) or "none"
            raise ConfigurationError(f"{self.shown(self.sources.root)} has no pipeline {name}.", f"There are: {known}.")
        return named[name]

    def tags_of(self, name: str) -> ListPlace:
        """Where the tags of a pipeline stand. Raises ConfigurationError when there is no such pipeline."""
        node = self.pipeline(name)
        assert node.parent is not None, "a pipeline stands in a list"
        place = next(number for number, other in enumerate(node.parent.children()) if other is node)
        config = node.child("config")
        tags = None if config is None else config.child("tags")
        part = Part(self._file(node), (*node.path(), "config", "tags"), _size(tags))
        return ListPlace(("pipelines", place, "config", "tags"), (part,))

    def alarms(self) -> ListPlace:
        """Where the alarm rules stand: those of topology.yaml first, even where it has none, for new ones go there."""
        section = self.root.child("alarms")
        sizes = {self.sources.root: 0}
        for node in () if section is None else section.children():
            sizes[self._file(node)] = sizes.get(self._file(node), 0) + 1
        return ListPlace(("alarms",), tuple(Part(file, ("alarms",), size) for file, size in sizes.items()))

    def data(self) -> Any:
        """All files as one, as plain dicts and lists of its own."""
        return self.root.data()

    def _read(self, name: str, faults: list[Fault]) -> Node | None:
        tree, found = load(self.sources.files[name], self.shown(name))
        faults += found
        return tree

    def _file(self, node: Node) -> str:
        return self.name_of(node.file(self.shown(self.sources.root)))


def _text(node: Node, key: str) -> str:
    child = node.child(key)
    return child.value if child is not None and isinstance(child.value, str) else ""


def _size(node: Node | None) -> int:
    return len(node.value) if node is not None and isinstance(node.value, list) else 0
