"""Checks the shape of the file against the model, and goes on with what is sound.

pydantic stops at the shape; but whoever mends a file wants to know of the dangling reference too. So each part that
does not fit is told and taken out of the tree, until the rest is valid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ironstream.topology.checks.report import Report, find
from ironstream.topology.checks.wording import describe
from ironstream.topology.model import Topology
from ironstream.topology.nodes import Node

_ROUNDS_MAX = 8


def sound_part(root: Node, report: Report) -> tuple[Topology, bool]:
    """The topology without the parts that do not fit, and whether it is whole. Takes those parts out of the tree."""
    whole = True
    told: dict[int, set[str]] = {}
    taken: list[Node] = []  # kept alive, for the ids of what was in them are in `told`
    for _ in range(_ROUNDS_MAX):
        try:
            return Topology.model_validate(root.data()), whole
        except ValidationError as err:
            whole = False
            errors = err.errors(include_url=False)
        doomed: dict[int, Node] = {}
        holders: dict[int, Node] = {}
        for error in errors:
            node, rest = find(root, _in_tree(root, error["loc"]))
            if not _is_ours(error, node, rest, told):
                _tell(error, Topology, report)
            victim = _enclosing_item(node) if error["type"] == "missing" else node
            if victim is root:
                root.value = {"version": Node(1, 1, 1)} | (root.value if isinstance(root.value, dict) else {})
                continue
            doomed[id(victim)] = victim
        for victim in doomed.values():
            if victim.parent is not None:
                told.setdefault(id(victim.parent), set()).add(str(victim.key))
                holders[id(victim.parent)] = victim.parent
                taken.append(victim)
        for holder in holders.values():
            holder.remove(doomed)
    return Topology(version=1), False


def tell_all(err: ValidationError, model: type[BaseModel], prefix: Sequence[str | int], report: Report) -> None:
    """Note every error of validating, as `model`, what is in the file under `prefix`."""
    for error in err.errors(include_url=False):
        _tell(error, model, report, prefix)


def _is_ours(error: ErrorDetails, node: Node, rest: Sequence[str | int], told: Mapping[int, set[str]]) -> bool:
    """True for an error that is there only because a part was taken out."""
    if error["type"] == "missing":
        return (str(rest[0]) if rest else "") in told.get(id(node), ())
    return id(node) in told


def _tell(error: ErrorDetails, model: type[BaseModel], report: Report, prefix: Sequence[str | int] = ()) -> None:
    if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
        return  # pydantic does not count the items that have faults of their own
    message, mend = describe(error, model)
    path = (*prefix, *_in_tree(find(report.root, prefix)[0], error["loc"]))
    report.error(path, message, mend, at_key=error["type"] == "extra_forbidden")


def _in_tree(start: Node, location: Sequence[str | int]) -> list[str | int]:
    """A location of pydantic without the parts that name a member of a union; a last part that is missing stays."""
    path: list[str | int] = []
    node = start
    for place, part in enumerate(location):
        child = node.child(part)
        if child is not None:
            node = child
        elif place < len(location) - 1 or not isinstance(node.value, dict):
            continue
        path.append(part)
    return path


def _enclosing_item(node: Node) -> Node:
    """The list item that a node is in; else the field of the file that it is in; else the root."""
    while node.parent is not None and not isinstance(node.parent.value, list):
        if node.parent.parent is None:
            return node
        node = node.parent
    return node
