"""What importing a list would make of topology.yaml, checked as a whole before anything is changed. Pure."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from ironstream.errors import ConfigurationError
from ironstream.topology.check import AdapterModels, check_text, no_collection
from ironstream.topology.edit import Kept, NotEditableError, with_items
from ironstream.topology.faults import Fault, TopologyError, format_path
from ironstream.topology.lists.changes import Changes
from ironstream.topology.load import load
from ironstream.topology.model import Topology
from ironstream.topology.sinks import SinkSorts

Path = tuple[str | int, ...]
ALARMS: Path = ("alarms",)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The changes, the whole file with them, and the warnings about what was listed."""

    changes: Changes
    data: bytes
    warnings: list[Fault]


def tags_of(data: bytes, filename: str, pipeline_id: str) -> Path:
    """Where the tags of a pipeline stand in the file. Raises ConfigurationError when there is no such pipeline."""
    root, faults = load(data, filename)
    pipelines = root.data().get("pipelines") if root is not None and not faults else ()
    for place, pipeline in enumerate(pipelines if isinstance(pipelines, list) else ()):
        if isinstance(pipeline, dict) and pipeline.get("id") == pipeline_id:
            return ("pipelines", place, "config", "tags")
    if faults:
        raise TopologyError("\n".join(map(str, faults)), faults, "mend the topology file first")
    raise ConfigurationError(f"{filename} has no pipeline {pipeline_id}.", "`ironstream check` looks at the file.")


@no_collection()
def plan_import(
    data: bytes,
    filename: str,
    path: Path,
    changes: Callable[[Sequence[Any]], Changes],
    list_name: str,
    *,
    models: AdapterModels,
    sinks: SinkSorts | None = None,
) -> ImportPlan:
    """The topology file `data` with the list at `path` changed; `changes` is told the entries that stand there.

    The new file has passed the check of topology.yaml, and differs from the old one in this list alone. Raises
    ConfigurationError naming every fault: of the list by its lines, else by those of the topology file.
    """
    root, faults = load(data, filename)
    if root is None or faults:
        raise TopologyError("\n".join(map(str, faults)), faults, "mend the topology file first")
    whole = root.data()
    holder = _holder(whole, path)
    found = holder.get(path[-1])
    current = found if isinstance(found, list) else []
    made = changes(current)
    text = data.decode("utf-8-sig")
    try:
        new_text = with_items(text, path, made.items) if made else text
    except NotEditableError as error:
        raise ConfigurationError(f"{filename}: {format_path(path)}: {error}", "Nothing was changed.") from error
    new_data = (BOM_UTF8 if data.startswith(BOM_UTF8) else b"") + new_text.encode("utf-8")
    result = check_text(new_data, filename, models, sinks)
    where = _Places(path, made, list_name, text, new_text)
    if result.topology is None:
        lines = [str(where.moved(fault)) for fault in result.errors]
        raise ConfigurationError("\n".join(lines), "Nothing was changed: mend what is named above.")
    if made:
        holder[path[-1]] = [current[item.place] if isinstance(item, Kept) else item.fields for item in made.items]
    if result.topology != Topology.model_validate(whole):
        # how the list is written has misled the edit
        raise ConfigurationError(
            f"{filename}: {format_path(path)}: the list is written in a way that cannot be changed in place.",
            "Nothing was changed: put each item on a line of its own, `- {name: …}`, without anchors, and try again.",
        )
    return ImportPlan(made, new_data, [where.moved(fault) for fault in result.faults if where.is_listed(fault)])


def _holder(whole: Any, path: Path) -> dict[str | int, Any]:
    """The mapping that the list stands in, made on the way where a pipeline has no config."""
    for part in path[:-1]:
        if isinstance(whole, dict) and not isinstance(whole.get(part), dict | list):
            whole[part] = {}
        whole = whole[part]
    return whole if isinstance(whole, dict) else {}


class _Places:
    """Says where a fault of the new file comes from: a line of the list, or one of the file as it is on disk."""

    def __init__(self, path: Path, changes: Changes, list_name: str, old: str, new: str) -> None:
        self._prefix = format_path(path) + "["
        self._changes = changes
        self._list_name = list_name
        before, after = old.split("\n"), new.split("\n")
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(before), reversed(after), strict=False))
        )
        self._moved_after = len(after) - same
        self._moved_by = len(before) - len(after)

    def is_listed(self, fault: Fault) -> bool:
        """Whether a fault is about an entry of the list."""
        return self._line(fault) is not None

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
        return self._changes.lines[int(place)] if int(place) < len(self._changes.lines) else None
