"""Where the checks put what they find."""

from __future__ import annotations

from collections.abc import Sequence

from ironstream.topology.faults import Fault, Severity, format_path
from ironstream.topology.nodes import Node

Path = Sequence[str | int]
_CROWD = 200


class Report:
    """Collects faults and finds the place of each. The same fault at the same place is told once."""

    def __init__(self, root: Node, filename: str) -> None:
        self.root = root
        self.filename = filename
        self._faults: dict[tuple[str, int, int, str], Fault] = {}

    @property
    def faults(self) -> list[Fault]:
        """All faults as they were found."""
        return list(self._faults.values())

    @property
    def has_errors(self) -> bool:
        """True once something keeps the file from being used."""
        return any(fault.severity == "error" for fault in self._faults.values())

    @property
    def crowded(self) -> bool:
        """True once there are so many faults that looking for a near name for each would take minutes."""
        return len(self._faults) > _CROWD

    def error(self, path: Path, message: str, mend: str, *, at_key: bool = False) -> None:
        """Note what keeps the file from being used. `path` is a place in the tree as it is now."""
        self._note("error", path, message, mend, at_key)

    def warning(self, path: Path, message: str, mend: str, *, at_key: bool = False) -> None:
        """Note what is legal but hardly meant."""
        self._note("warning", path, message, mend, at_key)

    def error_at(self, node: Node, message: str, mend: str, *, at_key: bool = False) -> None:
        """Note an error of a node that is at hand."""
        self._add("error", node, (), message, mend, at_key=at_key)

    def warning_at(self, node: Node, message: str, mend: str) -> None:
        """Note of a node that is at hand what is legal but hardly meant."""
        self._add("warning", node, (), message, mend, at_key=False)

    def place_of(self, path: Path, beside: Path) -> str:
        """Where a place in the tree as it is now was written, for a fault at `beside`: `line 3`, or `b.yaml:3`."""
        node = find(self.root, path)[0]
        file = node.file(self.filename)
        return f"line {node.line}" if file == find(self.root, beside)[0].file(self.filename) else f"{file}:{node.line}"

    def _note(self, severity: Severity, path: Path, message: str, mend: str, at_key: bool) -> None:
        node, rest = find(self.root, path)
        self._add(severity, node, rest, message, mend, at_key=at_key and not rest)

    def _add(self, severity: Severity, node: Node, rest: Path, message: str, mend: str, *, at_key: bool) -> None:
        line, column = (node.key_line, node.key_column) if at_key else (node.line, node.column)
        where = format_path((*node.path(), *rest))
        file = node.file(self.filename)
        fault = Fault(severity, line, column, where, message, mend, file)
        self._faults.setdefault((file, line, column, message), fault)


def find(root: Node, path: Path) -> tuple[Node, tuple[str | int, ...]]:
    """The deepest node on a path, and what of the path is not in the file (a default, a field that is missing)."""
    node = root
    for place, part in enumerate(path):
        child = node.child(part)
        if child is None:
            return node, tuple(path[place:])
        node = child
    return node, ()
