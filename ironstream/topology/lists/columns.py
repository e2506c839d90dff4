"""The columns of a list, made from the model of an entry; a nested model becomes columns `report.mode`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

_DEEPEST: Final = 4
_WHOLE: Final = 1e15
"""Larger ones are read better with an exponent."""
MISSING: Final = object()
"""What `value_at` gives for a path that leads nowhere."""


class CellKind(Enum):
    """How the cells of a column are written and read."""

    TEXT = "text"
    NUMBER = "number"
    """Numbers, true and false."""
    JSON = "json"
    """Lists, mappings, and whatever else no cell can hold as it is."""
    ANY = "any"
    """Text where it cannot be taken for anything else, JSON for the rest."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `null_is_told`: empty means the default, and so that there is no value has to be said."""

    path: tuple[str, ...]
    kind: CellKind
    required: bool
    null_is_told: bool

    @property
    def name(self) -> str:
        """Name in the header."""
        return ".".join(self.path)


@cache
def columns_of(model: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of a list of such tags, `name` first, the others in the order of the model."""
    columns = list(_columns(model, (), required=True))
    # stable: the others keep their order
    return tuple(sorted(columns, key=lambda column: column.path != ("name",)))


def value_at(fields: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What stands in nested mappings at a path, or MISSING."""
    value: Any = fields
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return MISSING
        value = value[part]
    return value


def put(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a value at a path, making the mappings on the way."""
    for part in path[:-1]:
        fields = fields.setdefault(part, {})
    fields[path[-1]] = value


def told(tag: BaseModel, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The fields of a tag that must be told to have it again: those that are not at their default, and its `type`.

    They come in the order of the columns. A nested model that is there though all of it is at its defaults tells one of
    its fields, for a list of cells has no other way to say so.
    """
    fields = _unlike_default(tag)
    # a reader of the list looks for the type, also where it is the default
    silent: list[tuple[str, ...]] = [
        column.path for column in columns if column.path == ("type",) and "type" not in fields
    ]
    for group in _groups(columns):
        if value_at(fields, group) == {}:
            silent += [column.path for column in columns if column.path[: len(group)] == group]
    for path in silent:
        value = _attribute(tag, path)
        if value is not None and value_at(fields, path[:-1]) in ({}, fields):
            put(fields, path, _as_json(value))
    order = _order(columns)
    return {key: fields[key] for key in sorted(fields, key=lambda key: order.get(key, len(order)))}


def _unlike_default(model: BaseModel) -> dict[str, Any]:
    """The fields of a model that are not at their default, nested ones too.

    Made here and not by `model_dump`, because a model may give its whole self as something shorter that is no columns.
    """
    fields: dict[str, Any] = {}
    for attribute, key, field in _fields(type(model)):
        value = getattr(model, attribute)
        if field.is_required() or value != _default_of(field):
            fields[key] = _unlike_default(value) if isinstance(value, BaseModel) else _as_typed(field, value)
    return fields


def _as_typed(field: FieldInfo, value: Any) -> Any:
    """A value as a person writes it: 60, and not 60.0, where nothing but a number of that kind can stand."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE and _is_of_floats(field):
        return int(value)
    return _as_json(value)


def _is_of_floats(field: FieldInfo) -> bool:
    return set(_leaves(field.annotation)) <= {float, NoneType}


def _attribute(model: BaseModel, path: tuple[str, ...]) -> Any:
    """The value of a field of a model, or of one nested in it; None where there is none."""
    value: Any = model
    for part in path:
        if not isinstance(value, BaseModel):
            return None
        value = next((getattr(value, name) for name, key, _ in _fields(type(value)) if key == part), None)
    return value


def _default_of(field: FieldInfo) -> Any:
    if field.default_factory is None:
        return field.default
    return field.get_default(call_default_factory=True, validated_data={})


def _as_json(value: Any) -> Any:
    plain = value is None or type(value) in (str, int, float, bool)
    return value if plain else to_jsonable_python(value, by_alias=True)


@cache
def _fields(model: type[BaseModel]) -> tuple[tuple[str, str, FieldInfo], ...]:
    """Attribute, name in the file and description of each field."""
    return tuple((name, field.alias or name, field) for name, field in model.model_fields.items())


@cache
def _groups(columns: tuple[Column, ...]) -> list[tuple[str, ...]]:
    """Paths of the nested models, the deepest first."""
    groups = {column.path[:depth] for column in columns for depth in range(1, len(column.path))}
    return sorted(groups, key=len, reverse=True)


@cache
def _order(columns: tuple[Column, ...]) -> dict[str, int]:
    """Place of each field of a tag among the columns."""
    return {column.path[0]: place for place, column in reversed(list(enumerate(columns)))}


def _columns(model: type[BaseModel], prefix: tuple[str, ...], *, required: bool) -> Iterator[Column]:
    for name, field in model.model_fields.items():
        path = (*prefix, field.alias or name)
        leaves = set(_leaves(field.annotation))
        nullable = NoneType in leaves
        leaves.discard(NoneType)
        null_is_told = nullable and (field.is_required() or field.default is not None)
        needed = required and field.is_required()
        nested = _only_model(leaves)
        if nested is not None and not null_is_told and len(path) < _DEEPEST and _can_be_told(nested):
            yield from _columns(nested, path, required=needed)
        else:
            yield Column(path, _kind(leaves), needed, null_is_told)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types that a value may have; for enumerations and literals those of their values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _leaves(argument)
    elif origin is Literal:
        for value in get_args(annotation):
            yield from _leaves(type(value))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from {type(member.value) for member in annotation}
    else:
        yield annotation


def _kind(leaves: set[Any]) -> CellKind:
    if leaves <= {str}:
        return CellKind.TEXT
    if leaves <= {int, float, bool}:
        return CellKind.NUMBER
    return CellKind.ANY if leaves & {str, Any} else CellKind.JSON


def _only_model(leaves: set[Any]) -> type[BaseModel] | None:
    if len(leaves) != 1:
        return None
    (leaf,) = leaves
    return leaf if isinstance(leaf, type) and issubclass(leaf, BaseModel) else None


def _can_be_told(model: type[BaseModel]) -> bool:
    """Whether a model of which all is at its defaults has a field with something to put into a cell."""
    return any(_has_something(field) for field in model.model_fields.values())


def _has_something(field: FieldInfo) -> bool:
    if _only_model(set(_leaves(field.annotation)) - {NoneType}) is not None:
        return False
    return field.is_required() or _default_of(field) is not None
