"""What importing a list of tags would make of topology.yaml, checked as a whole before anything is changed. Pure."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from pydantic import BaseModel, ValidationError

from ironstream.errors import ConfigurationError
from ironstream.gateway.tags_csv import ListedTag
from ironstream.topology import AdapterModels, Fault, SinkSorts, Topology, TopologyError, check_text
from ironstream.topology.check import no_collection
from ironstream.topology.edit import Added, Changed, Item, Kept, NotEditableError, with_tags
from ironstream.topology.load import load

_TAG_PATH = re.compile(r"pipelines\[(\d+)\]\.config\.tags\[(\d+)\]")


@dataclass(slots=True)
class TagChanges:
    """Keys of the tags that are added, changed and removed, and the new list as changes to the old one."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    items: list[Item] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    """Line of each item in the list; None for one that is not in it."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The changes, the whole file with them, and the warnings about what was listed."""

    changes: TagChanges
    data: bytes
    warnings: list[Fault]


def key_of(tag: BaseModel | Mapping[str, Any]) -> str:
    """Tells a tag from all others of its pipeline: by its own `key` where it has one, else by identity and name."""
    own = getattr(tag, "key", None)
    if isinstance(own, str):
        return own
    fields = tag.model_dump(mode="json") if isinstance(tag, BaseModel) else tag
    return "/".join(str(part) for name in ("tenant", "site", "asset", "node", "name") if (part := fields.get(name)))


def changes_of(
    current: Sequence[Any], listed: Sequence[ListedTag], model: type[BaseModel], csv_name: str, *, remove_others: bool
) -> TagChanges:
    """What becomes of the `current` tags of a pipeline. Those that stay keep their order; new ones come last.

    `remove_others`: a tag that is not listed is removed, else it stays. Raises ConfigurationError naming every tag that
    is listed twice.
    """
    wanted = _by_key(listed, csv_name)
    found = TagChanges()
    for place, raw in enumerate(current):
        tag = _valid(raw, model)
        key = key_of(tag if tag is not None else raw if isinstance(raw, Mapping) else {})
        new = wanted.pop(key, None)
        if new is None and remove_others:
            found.removed.append(key)
        elif new is None or new.tag == tag:
            found.unchanged += 1
            found.items.append(Kept(place))
            found.lines.append(None if new is None else new.line)
        else:
            found.changed.append(key)
            found.items.append(Changed(place, new.fields))
            found.lines.append(new.line)
    for key, new in wanted.items():
        found.added.append(key)
        found.items.append(Added(new.fields))
        found.lines.append(new.line)
    return found


@no_collection()
def plan_import(
    data: bytes,
    filename: str,
    pipeline_id: str,
    listed: Sequence[ListedTag],
    csv_name: str,
    *,
    models: AdapterModels,
    sinks: SinkSorts | None = None,
    tag_model: type[BaseModel],
    remove_others: bool,
) -> ImportPlan:
    """The topology file `data` with the listed tags in a pipeline.

    The new file has passed the check of topology.yaml, and differs from the old one in this list alone. Raises
    ConfigurationError naming every fault: of the list by its lines, else by those of the topology file.
    """
    root, faults = load(data, filename)
    if root is None or faults:
        raise TopologyError("\n".join(map(str, faults)), faults, "mend the topology file first")
    whole = root.data()
    place = _place_of(whole, pipeline_id, filename)
    config = whole["pipelines"][place].setdefault("config", {})
    current = (config.get("tags") if isinstance(config, dict) else None) or []
    changes = changes_of(current, listed, tag_model, csv_name, remove_others=remove_others)
    text = data.decode("utf-8-sig")
    try:
        new_text = with_tags(text, place, changes.items) if changes else text
    except NotEditableError as error:
        raise ConfigurationError(f"{filename}: {pipeline_id}: {error}", "Nothing was changed.") from error
    new_data = (BOM_UTF8 if data.startswith(BOM_UTF8) else b"") + new_text.encode("utf-8")
    result = check_text(new_data, filename, models, sinks)
    where = _Places(place, changes, csv_name, text, new_text)
    if result.topology is None:
        lines = [str(where.moved(fault)) for fault in result.errors]
        raise ConfigurationError("\n".join(lines), "Nothing was changed: mend what is named above.")
    config["tags"] = [current[item.place] if isinstance(item, Kept) else item.fields for item in changes.items]
    if result.topology != Topology.model_validate(whole):
        # how the list is written has misled the edit
        raise ConfigurationError(
            f"{filename}: {pipeline_id}: the list of tags is written in a way that cannot be changed in place.",
            "Nothing was changed: put each tag on a line of its own, `- {name: …}`, without anchors, and try again.",
        )
    return ImportPlan(changes, new_data, [where.moved(fault) for fault in result.faults if where.is_listed(fault)])


def _by_key(listed: Iterable[ListedTag], csv_name: str) -> dict[str, ListedTag]:
    wanted: dict[str, ListedTag] = {}
    faults: list[str] = []
    for tag in listed:
        first = wanted.setdefault(key_of(tag.tag), tag)
        if first is not tag:
            faults.append(f"{csv_name}:{tag.line}: tag {key_of(tag.tag)} is there twice, first in line {first.line}")
    if faults:
        raise ConfigurationError("\n".join(faults), "Nothing was changed: leave one line of each tag.")
    return wanted


def _valid(raw: object, model: type[BaseModel]) -> BaseModel | None:
    """A tag of the file; None for one that is at fault, which the list may mend."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _place_of(whole: Mapping[str, Any], pipeline_id: str, filename: str) -> int:
    pipelines = whole.get("pipelines")
    for place, pipeline in enumerate(pipelines if isinstance(pipelines, list) else ()):
        if isinstance(pipeline, dict) and pipeline.get("id") == pipeline_id:
            return place
    raise ConfigurationError(f"{filename} has no pipeline {pipeline_id}.", "`ironstream check` looks at the file.")


class _Places:
    """Says where a fault of the new file comes from: a line of the list, or one of the file as it is on disk."""

    def __init__(self, place: int, changes: TagChanges, csv_name: str, old: str, new: str) -> None:
        self._place = place
        self._changes = changes
        self._csv_name = csv_name
        before, after = old.split("\n"), new.split("\n")
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(before), reversed(after), strict=False))
        )
        self._moved_after = len(after) - same
        self._moved_by = len(before) - len(after)

    def is_listed(self, fault: Fault) -> bool:
        """Whether a fault is about a tag of the list."""
        return self._line(fault) is not None

    def moved(self, fault: Fault) -> Fault:
        """The fault at the place that its reader can look at."""
        line = self._line(fault)
        if line is not None:
            column = fault.path.partition("].config.tags[")[2].partition("].")[2]
            message = f"column {column}: {fault.message}" if column else fault.message
            return replace(fault, line=line, column=1, message=message, filename=self._csv_name)
        moved_by = self._moved_by if fault.line > self._moved_after else 0
        return replace(fault, line=fault.line + moved_by)

    def _line(self, fault: Fault) -> int | None:
        """Line of the list that a fault is about; None when it is about something else."""
        found = _TAG_PATH.match(fault.path)
        if found is None or int(found[1]) != self._place:
            return None
        place = int(found[2])
        return self._changes.lines[place] if place < len(self._changes.lines) else None
