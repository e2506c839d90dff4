"""Which fields of two versions of one part differ, down to the innermost one. Pure.

Parts of lists are told apart by their names, so that one more in the middle is one change. Values count as the same
where `==` says so: by that rule gateways restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec import UNSET
from pydantic import BaseModel

from ironstream.topology.checks.secrets import visible
from ironstream.topology.plan.model import FieldChange

T = TypeVar("T")
_NAMES: Final = ("id", "name", "parameter", "pattern", "path", "node", "notifier", "size_s")
"""Fields that tell the parts of a list apart, the first that each part has."""


def plain(part: BaseModel, without: Sequence[str] = ()) -> dict[str, Any]:
    """Fields of a part as they are written in the file, as plain data; those that are empty are left out."""
    fields = type(part).model_fields
    return {
        fields[name].alias or name: _plain(value)
        for name, value in part.__dict__.items()
        if value is not None and name not in without
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain(value)
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Every field that differs, in the order of the file; empty if and only if the two are equal."""
    return tuple(_mapping(before, after, ""))


def parts_by_name(parts: Sequence[T], names: Sequence[str]) -> dict[str, tuple[int, T]]:
    """Parts of a list with their places; where one name is given to several, the later ones are numbered."""
    found: dict[str, tuple[int, T]] = {}
    given: dict[str, int] = {}
    for place, (name, part) in enumerate(zip(names, parts, strict=True)):
        label = name
        while label in found:
            given[name] = given.get(name, 1) + 1
            label = f"{name}#{given[name]}"
        found[label] = place, part
    return found


def tag_name(tag: Mapping[str, Any]) -> str:
    """What a part of a list is called, with the asset where it names one; empty for one without a name."""
    name = next((str(tag[field]) for field in _NAMES if tag.get(field) is not None), "")
    asset = tag.get("asset")
    return f"{asset}/{name}" if name and isinstance(asset, str) else name


def _differ(before: Any, after: Any, at: str, name: str) -> Iterator[FieldChange]:
    if before is not UNSET and after is not UNSET and before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mapping(before, after, f"{at}.")
    elif (old := _named(before)) is not None and (new := _named(after)) is not None:
        for label in dict.fromkeys((*old, *new)):
            one, other = old.get(label, (0, UNSET))[1], new.get(label, (0, UNSET))[1]
            yield from _differ(one, other, f"{at}[{label}]", name)
        stay_before, stay_after = [one for one in old if one in new], [one for one in new if one in old]
        if stay_before != stay_after:
            yield FieldChange(f"{at} (order)", stay_before, stay_after)
    else:
        yield FieldChange(at, visible(name, before), visible(name, after))


def _mapping(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[FieldChange]:
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key, UNSET), after.get(key, UNSET)
        yield from _differ(one, other, f"{prefix}{key}", str(key))


def _named(value: Any) -> dict[str, tuple[int, Mapping[str, Any]]] | None:
    """The parts of a list by name; None for what is no list of mappings with names."""
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(part, Mapping) for part in value):
        return None
    names = [tag_name(part) for part in value]
    return parts_by_name(value, names) if all(names) else None
