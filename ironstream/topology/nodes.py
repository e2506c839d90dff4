"""The tree of a YAML file, each node with the place it was written at."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

Scalar = str | int | float | bool | None


class Node:
    """A mapping (`dict` of nodes), a sequence (`list` of nodes) or a scalar, with its place (line, column from 1).

    A child of a mapping knows the place of its key too. `key` is the name or the index the node was written under; it
    stays when a sibling is taken away or comes from another file, so `path` is always that of the node's own file.
    `filename` is set where another file begins than that of the node above.
    """

    __slots__ = ("column", "filename", "key", "key_column", "key_line", "line", "parent", "value")

    def __init__(self, value: dict[str, Node] | list[Node] | Scalar, line: int, column: int) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.parent: Node | None = None
        self.key: str | int = ""
        self.key_line = line
        self.key_column = column
        self.filename: str | None = None

    def path(self) -> tuple[str | int, ...]:
        """Keys and indices from the root to this node, as in the file."""
        parts: list[str | int] = []
        node = self
        while node.parent is not None:
            parts.append(node.key)
            node = node.parent
        return tuple(reversed(parts))

    def file(self, default: str) -> str:
        """Name of the file that the node stands in; `default` where no node above it tells of another."""
        node: Node | None = self
        while node is not None:
            if node.filename is not None:
                return node.filename
            node = node.parent
        return default

    def child(self, part: str | int) -> Node | None:
        """The child under a key, or at an index as the tree is now; None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def children(self) -> Iterator[Node]:
        """The children in the order of the file."""
        if isinstance(self.value, dict):
            yield from self.value.values()
        elif isinstance(self.value, list):
            yield from self.value

    def remove(self, doomed: Container[int]) -> None:
        """Take out the children whose `id()` is doomed."""
        if isinstance(self.value, dict):
            self.value = {key: child for key, child in self.value.items() if id(child) not in doomed}
        elif isinstance(self.value, list):
            self.value = [child for child in self.value if id(child) not in doomed]

    def copy(self) -> Node:
        """A deep copy that keeps the places."""
        twin = Node(None, self.line, self.column)
        if isinstance(self.value, dict):
            twin.value = {key: _adopted(child.copy(), twin, child) for key, child in self.value.items()}
        elif isinstance(self.value, list):
            twin.value = [_adopted(child.copy(), twin, child) for child in self.value]
        else:
            twin.value = self.value
        return twin

    def count(self) -> int:
        """Number of nodes in this tree."""
        return 1 + sum(child.count() for child in self.children())

    def data(self) -> Any:
        """The tree as plain dicts, lists and scalars."""
        value = self.value
        if isinstance(value, dict):
            return {key: child.data() for key, child in value.items()}
        if isinstance(value, list):
            return [child.data() for child in value]
        return value


def _adopted(child: Node, parent: Node, model: Node) -> Node:
    child.parent = parent
    child.key, child.key_line, child.key_column = model.key, model.key_line, model.key_column
    return child
