"""Commands that are imported only when they are asked for: none pays for what the others need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Place:
    """A function, or a `typer.Typer` with commands of its own, at `module:attribute`.

    `panel` is its heading in the help, `options` are those of `typer.Typer.command`.
    """

    at: str
    panel: str
    options: Mapping[str, Any] = field(default_factory=dict)


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each imported when it is looked up."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _command(name, self._places[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def group_of(places: Mapping[str, Place]) -> type[TyperGroup]:
    """The class of a group with these commands, in this order, for `typer.Typer(cls=…)`."""

    class Group(TyperGroup):
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.commands = _Commands(places)

        def list_commands(self, ctx: Any) -> list[str]:
            return list(places)

    return Group


def _command(name: str, place: Place) -> Any:
    module, _, attribute = place.at.partition(":")
    found = getattr(import_module(module), attribute)
    holder = typer.Typer(rich_markup_mode="markdown")
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name, rich_help_panel=place.panel)
    else:
        holder.command(name, rich_help_panel=place.panel, **place.options)(found)
    return get_group(holder).commands[name]
