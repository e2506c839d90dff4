"""What a plugin of Telegraf becomes: a pipeline, and the assets that it reads. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from ironstream.telegraf.names import identity
from ironstream.telegraf.source import Table
from ironstream.topology.checks.wording import describe


@dataclass(frozen=True, slots=True)
class Options:
    """What Telegraf does not say. `asset_tag`: the tag of Telegraf that names the asset; empty: none does."""

    tenant: str = ""
    site: str = ""
    gateway: str = ""
    asset_tag: str = ""


@dataclass(slots=True)
class Device:
    """A pipeline as it stands in the file, and for each of its assets the parameters that it gets."""

    id: str
    adapter: str
    line: int
    config: dict[str, Any]
    poll_interval_s: float | None = None
    tags: list[dict[str, Any]] = field(default_factory=list)
    assets: dict[str, list[str]] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def add(self, model: type[BaseModel], tag: dict[str, Any], asset: str, table: Table, *, measurement: str) -> None:
        """Add a tag of an asset; one that cannot be is noted and left out.

        A name that the asset has already gets the measurement before it.
        """
        name = identity(str(tag["name"]))
        if not name:
            table.notes.add(table.line, f"{tag['name']!r} cannot be a name: left out")
            return
        if (asset, name) in self._seen:
            longer = identity(f"{measurement}.{name}")
            if not measurement or (asset, longer) in self._seen:
                table.notes.add(table.line, f"{asset} has a {name} already: left out; give it a name of its own")
                return
            table.notes.add(table.line, f"{asset} has a {name} already: this one is named {longer}")
            name = longer
        elif name != tag["name"]:
            table.notes.add(table.line, f"{tag['name']!r} is named {name}, as names are here")
        whole = {**tag, "name": name, "asset": asset}
        try:
            model.model_validate(whole)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                message, _ = describe(detail, model)
                table.notes.add(table.line, f"{name}: {message}: left out")
            return
        self.tags.append(whole)
        self._seen.add((asset, name))
        parameters = self.assets.setdefault(asset, [])
        if tag.get("type") != "STRING":
            parameters.append(name)

    def pipeline(self, options: Options) -> dict[str, Any]:
        """The pipeline, with the asset where there is but one."""
        fields: dict[str, Any] = {"id": self.id, "adapter": self.adapter}
        fields |= {key: value for key in ("gateway", "tenant", "site") if (value := getattr(options, key))}
        alone = len(self.assets) == 1
        if alone:
            fields["asset"] = next(iter(self.assets))
        if self.poll_interval_s is not None:
            fields["poll_interval_s"] = plain(self.poll_interval_s)
        tags = [{key: value for key, value in tag.items() if not (alone and key == "asset")} for tag in self.tags]
        return {**fields, "config": {**self.config, "tags": tags}}


def plain(number: float) -> int | float:
    """A number as a person writes it: 10, and not 10.0."""
    return int(number) if float(number).is_integer() else number
