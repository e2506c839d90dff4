"""What importing a list would make of a topology, checked as a whole before anything is changed. Pure."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from ironstream.errors import ConfigurationError
from ironstream.topology.check import AdapterModels, check_sources, no_collection
from ironstream.topology.edit import Item, Kept, NotEditableError, with_items
from ironstream.topology.faults import Fault, format_path
from ironstream.topology.lists.changes import Changes
from ironstream.topology.lists.places import ListPlace, Part, Path, Tree
from ironstream.topology.model import Topology
from ironstream.topology.sinks import SinkSorts


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The changes, the new text of each file that they change, by its name, and the warnings about what was listed."""

    changes: Changes
    files: dict[str, bytes]
    warnings: list[Fault]


@no_collection()
def plan_import(
    tree: Tree,
    place: ListPlace,
    changes: Callable[[Sequence[Any]], Changes],
    list_name: str,
    *,
    models: AdapterModels,
    sinks: SinkSorts | None = None,
) -> ImportPlan:
    """The topology `tree` with the list at `place` changed; `changes` is told the entries that stand there.

    An entry is changed in the file that has it, and what is new goes into the first of them. The topology has passed
    its check then, and differs from the old one in this list alone. Raises ConfigurationError naming every fault: of
    the list by its lines, else by those of the topology's files.
    """
    whole = tree.data()
    holder = _holder(whole, place.path)
    found = holder.get(place.path[-1])
    current = found if isinstance(found, list) else []
    made = changes(current)
    edits = {
        part.file: _Edit(tree, part, items, lines, list_name)
        for part, (items, lines) in zip(place.parts, place.split(made.items, made.lines), strict=True)
    }
    changed = {file: edit.data for file, edit in edits.items() if edit.data != tree.sources.files[file]}
    result = check_sources(replace(tree.sources, files={**tree.sources.files, **changed}), models, sinks, tree.folder)

    def moved(fault: Fault) -> Fault:
        edit = edits.get(tree.name_of(fault.filename))
        return fault if edit is None else edit.moved(fault)

    if result.topology is None:
        lines = [str(moved(fault)) for fault in result.errors]
        raise ConfigurationError("\n".join(lines), "Nothing was changed: mend what is named above.")
    if made:
        holder[place.path[-1]] = _as_changed(current, place, made)
    if result.topology != Topology.model_validate(whole):
        # how the list is written has misled the edit
        names = ", ".join(tree.shown(file) for file in changed)
        raise ConfigurationError(
            f"{names}: {format_path(place.path)}: the list is written in a way that cannot be changed in place.",
            "Nothing was changed: put each item on a line of its own, `- {name: …}`, without anchors, and try again.",
        )
    warnings = [told for fault in result.faults if (told := moved(fault)).filename == list_name]
    return ImportPlan(made, changed, warnings)


def _as_changed(current: Sequence[Any], place: ListPlace, made: Changes) -> list[Any]:
    """The list of the whole topology after the change: the parts of the files one after the other."""
    after: list[Any] = []
    begin = 0
    for part, (items, _) in zip(place.parts, place.split(made.items, made.lines), strict=True):
        after += [current[begin + item.place] if isinstance(item, Kept) else item.fields for item in items]
        begin += part.size
    return after


def _holder(whole: Any, path: Path) -> dict[str | int, Any]:
    """The mapping that the list stands in, made on the way where a pipeline has no config."""
    for part in path[:-1]:
        if isinstance(whole, dict) and not isinstance(whole.get(part), dict | list):
            whole[part] = {}
        whole = whole[part]
    return whole if isinstance(whole, dict) else {}


class _Edit:
    """One file with its part of the list changed. It says where a fault comes from: a line of the list, or one of the
    file as it is on disk. Raises ConfigurationError where the list cannot be changed in place.
    """

    def __init__(self, tree: Tree, part: Part, items: list[Item], lines: list[int | None], list_name: str) -> None:
        before = tree.sources.files[part.file]
        old = before.decode("utf-8-sig")
        try:
            new = old if items == [Kept(place) for place in range(part.size)] else with_items(old, part.path, items)
        except NotEditableError as error:
            shown = tree.shown(part.file)
            raise ConfigurationError(f"{shown}: {format_path(part.path)}: {error}", "Nothing was changed.") from error
        self.data = (BOM_UTF8 if before.startswith(BOM_UTF8) else b"") + new.encode("utf-8")
        self._prefix = format_path(part.path) + "["
        self._lines = lines
        self._list_name = list_name
        was, is_now = old.split("\n"), new.split("\n")
        pairs = zip(reversed(was), reversed(is_now), strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._moved_after = len(is_now) - same
        self._moved_by = len(was) - len(is_now)

    def moved(self, fault: Fault) -> Fault:
        """The fault at the place that its reader can look at."""
        line = self._line(fault)
        if line is not None:
            column = fault.path.removeprefix(self._prefix).partition("].")[2]
            message = f"column {column}: {fault.message}" if column else fault.message
            return replace(fault, line=line, column=1, message=message, filename=self._list_name)
        moved_by = self._moved_by if fault.line > self._moved_after else 0
        return replace(fault, line=fault.line + moved_by)

    def _line(self, fault: Fault) -> int | None:
        """Line of the list that a fault is about; None when it is about something else."""
        place = fault.path.removeprefix(self._prefix).partition("]")[0] if fault.path.startswith(self._prefix) else ""
        if not place.isdigit():
            return None
        return self._lines[int(place)] if int(place) < len(self._lines) else None
