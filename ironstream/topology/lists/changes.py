"""What a list does to another: entries created, deleted, overwritten or merged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from ironstream.errors import ConfigurationError
from ironstream.topology.edit import Added, Changed, Item, Kept
from ironstream.topology.faults import did_you_mean
from ironstream.topology.flow import flow
from ironstream.topology.lists.entries import Entry, Named, columns, fields_of

_IDENTITY: Final = ("tenant", "site", "asset", "node", "name")
_NOTHING_CHANGED: Final = "Nothing was changed: mend what is named above."
Listed = TypeVar("Listed", Entry, Named)


class Mode(StrEnum):
    """What is done with the entries of a list."""

    CREATE = "create"
    DELETE = "delete"
    OVERWRITE = "overwrite"
    MERGE = "merge"


class Difference(NamedTuple):
    """A field before and after; None where it is at its default."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        before, after = ("default" if value is None else flow(value) for value in self[1:])
        return f"{self.field} {before} → {after}"


@dataclass(slots=True)
class Changes:
    """Keys of the entries that are added, changed and removed, and the new list as changes to the old one."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    items: list[Item] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    """Line of each item in the list; None for one that is not in it."""
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    """For each entry that is changed, the fields that are not what they were."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def keep(self, place: int, line: int | None = None) -> None:
        """The entry at a place of the old list stays."""
        self.unchanged += 1
        self.items.append(Kept(place))
        self.lines.append(line)


def key_of(value: BaseModel | Mapping[str, Any]) -> str:
    """Tells an entry from all others: by its own `key` or `id` where it has one, else by identity and name."""
    own = getattr(value, "key", None)
    if isinstance(own, str):
        return own
    names = ("id", *_IDENTITY)
    fields = {name: getattr(value, name, None) for name in names} if isinstance(value, BaseModel) else value
    if fields.get("id"):
        return str(fields["id"])
    return "/".join(str(part) for name in _IDENTITY if (part := fields.get(name)))


def names_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The columns that name an entry: its `id` where it has one, else name and identity."""
    known = columns(model)
    return ("id",) if "id" in known else tuple(name for name in reversed(_IDENTITY) if name in known)


def changes_of(
    current: Sequence[Any], listed: Sequence[Entry], model: type[BaseModel], filename: str, mode: Mode, word: str
) -> Changes:
    """What becomes of the `current` entries. Those that stay keep their order; new ones come last.

    CREATE refuses what is there already, OVERWRITE removes what is not listed, MERGE leaves it. DELETE has a function
    of its own. Raises ConfigurationError naming every entry that is listed twice or must not be there.
    """
    wanted = _by_key(listed, filename, word)
    found = Changes()
    faults: list[str] = []
    for place, raw in enumerate(current):
        value = _valid(raw, model)
        key = key_of(value if value is not None else raw if isinstance(raw, Mapping) else {})
        new = wanted.pop(key, None)
        if new is not None and mode is Mode.CREATE:
            faults.append(f"{filename}:{new.line}: {word} {key} is there already")
        if new is None and mode is Mode.OVERWRITE:
            found.removed.append(key)
        elif new is None or new.value == value:
            found.keep(place, None if new is None else new.line)
        else:
            found.changed.append(key)
            found.differences[key] = _differences(raw if value is None else fields_of(value), new.fields)
            found.items.append(Changed(place, new.fields))
            found.lines.append(new.line)
    if faults:
        raise ConfigurationError(
            "\n".join(faults),
            "Nothing was changed: leave these lines out, or use --mode merge to change what is there.",
        )
    for key, new in wanted.items():
        found.added.append(key)
        found.items.append(Added(new.fields))
        found.lines.append(new.line)
    return found


def without(
    current: Sequence[Any], named: Sequence[Named], model: type[BaseModel], filename: str, word: str
) -> Changes:
    """The `current` entries without those that are named.

    A column that is not given may be anything, as long as that leaves one entry. Raises ConfigurationError for every
    line that names none, several, or one that another line names.
    """
    keys = [_key_of_raw(raw, model) for raw in current]
    by_name: dict[Any, list[int]] = {}
    name_column = names_of(model)[0]
    for place, raw in enumerate(current):
        if isinstance(raw, Mapping):
            by_name.setdefault(raw.get(name_column), []).append(place)
    doomed: dict[int, int] = {}
    faults: list[str] = []
    for row in named:
        where = f"{filename}:{row.line}"
        asked = "/".join(str(part) for part in row.fields.values())
        near = by_name.get(row.fields.get(name_column), [])
        fitting = [
            place for place in near if all(current[place].get(name) == part for name, part in row.fields.items())
        ]
        # a name alone is that of the entry which gives no more itself
        exact = [place for place in fitting if all(current[place].get(name) is None for name in _others(row, model))]
        chosen = exact if len(exact) == 1 else fitting
        if not chosen:
            hint = did_you_mean(str(row.fields.get(name_column, "")), [str(name) for name in by_name])
            faults.append(f"{where}: there is no {word} {asked}" + (f", {hint}" if hint else ""))
        elif len(chosen) > 1:
            several = ", ".join(keys[place] for place in chosen[:5])
            faults.append(f"{where}: {word} {asked} is one of {len(chosen)}: {several}; give the other columns too")
        elif chosen[0] in doomed:
            first = doomed[chosen[0]]
            faults.append(f"{where}: {word} {keys[chosen[0]]} is there twice, first in line {first}")
        else:
            doomed[chosen[0]] = row.line
    if faults:
        raise ConfigurationError("\n".join(faults), _NOTHING_CHANGED)
    found = Changes()
    for place in range(len(current)):
        if place in doomed:
            found.removed.append(keys[place])
        else:
            found.keep(place)
    return found


def _differences(before: Any, after: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    """Fields that differ, those of nested mappings by their own names."""
    old = before if isinstance(before, Mapping) else {}
    found: list[Difference] = []
    for name in dict.fromkeys((*old, *after)):
        was, is_now = old.get(name), after.get(name)
        if isinstance(was, Mapping) or isinstance(is_now, Mapping):
            # a mapping that was not there, or is gone, is told field by field too
            found += _differences(was, is_now if isinstance(is_now, Mapping) else {}, f"{prefix}{name}.")
        elif was != is_now:
            found.append(Difference(f"{prefix}{name}", was, is_now))
    return found


def _others(row: Named, model: type[BaseModel]) -> Iterable[str]:
    return (name for name in names_of(model) if name not in row.fields and name != "node")


def _key_of_raw(raw: Any, model: type[BaseModel]) -> str:
    value = _valid(raw, model)
    return key_of(value if value is not None else raw if isinstance(raw, Mapping) else {})


def _by_key(listed: Iterable[Entry], filename: str, word: str) -> dict[str, Entry]:
    wanted: dict[str, Entry] = {}
    faults: list[str] = []
    for entry in listed:
        first = wanted.setdefault(key_of(entry.value), entry)
        if first is not entry:
            faults.append(
                f"{filename}:{entry.line}: {word} {key_of(entry.value)} is there twice, first in line {first.line}"
            )
    if faults:
        raise ConfigurationError("\n".join(faults), f"Nothing was changed: leave one line of each {word}.")
    return wanted


def _valid(raw: object, model: type[BaseModel]) -> BaseModel | None:
    """An entry of the file; None for one that is at fault, which the list may mend."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None
