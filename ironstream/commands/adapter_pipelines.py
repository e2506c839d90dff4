"""Which pipeline a command of `ironstream adapter` is about: one of topology.yaml, or one that the options describe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ironstream.errors import ConfigurationError
from ironstream.gateway.pipeline import PipelineSpec

AdapterOption = Annotated[
    str | None, typer.Option("--adapter", metavar="KIND", help="In place of a pipeline: the kind of adapter.")
]
ConfigOption = Annotated[
    str | None, typer.Option("--config", metavar="JSON", help="With --adapter: its `config` as JSON.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="With --adapter: one field of its config; may be repeated."),
]
_DESCRIBED: Final = "command-line"
"""Id and asset of a pipeline that the options describe."""


def enabled_pipelines(path: Path, names: Sequence[str], gateway: str | None) -> list[PipelineSpec]:
    """The enabled pipelines of these names, or all that `gateway` runs. Raises ConfigurationError."""
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.from_topology import pipelines_of
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import load_topology

    known = pipelines_of(load_topology(path, CONFIG_MODELS, SINKS), gateway)
    by_id = {pipeline.id: pipeline for pipeline in known}
    missing = [name for name in names if name not in by_id]
    if missing or not by_id:
        raise ConfigurationError(
            f"{path} has no enabled pipeline {', '.join(missing)}".rstrip() + ".",
            f"There are: {', '.join(by_id) or 'none'}.",
        )
    return [by_id[name] for name in names] if names else known


def pipeline_named(path: Path, name: str) -> PipelineSpec:
    """One pipeline of the file, also one that is not enabled yet. Raises ConfigurationError."""
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.from_topology import pipeline_of
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import load_topology

    by_id = {pipeline.id: pipeline for pipeline in load_topology(path, CONFIG_MODELS, SINKS).pipelines}
    if name not in by_id:
        raise ConfigurationError(f"{path} has no pipeline {name}.", f"There are: {', '.join(by_id) or 'none'}.")
    return pipeline_of(by_id[name])


def pipeline_of(
    path: Path, name: str | None, adapter: str | None, config: str | None, sets: Sequence[str]
) -> PipelineSpec:
    """The pipeline that is named, or the one that the options describe. Raises ConfigurationError."""
    if adapter is not None:
        return pipeline_described(adapter, config, sets)
    if config is not None or sets:
        raise ConfigurationError("--config and --set describe a device of --adapter.", "Give --adapter KIND too.")
    if name is None:
        raise ConfigurationError(
            "No pipeline is named.", "Name one of topology.yaml, or give --adapter and its --config."
        )
    return pipeline_named(path, name)


def pipeline_described(adapter: str, config: str | None, settings: Sequence[str]) -> PipelineSpec:
    """A pipeline from `--adapter`, `--config` and `--set`. Raises ConfigurationError for what cannot be read.

    The value of `--set` is JSON where it can be, else text; `a.b=1` sets field `b` of field `a`.
    """
    fields = _object(config) if config is not None else {}
    faults: list[str] = []
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not all(path.split(".")):
            # the value may be a secret, and so may be what has no `=` in it
            faults.append("--set takes FIELD=VALUE, such as --set host=192.168.0.10")
        elif not _put(fields, path.split("."), _json_or_text(value)):
            faults.append(f"--set {path}: there is a value above it that has no fields")
    if faults:
        raise ConfigurationError("\n".join(faults), "`ironstream adapter browse --help` shows an example.")
    return PipelineSpec(id=_DESCRIBED, adapter=adapter, asset_id=_DESCRIBED, config=fields)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        # the text itself may hold secrets
        raise ConfigurationError(
            f"--config is not JSON: {error}", 'Write --config \'{"host": "192.168.0.10"}\'.'
        ) from None
    if not isinstance(value, dict):
        raise ConfigurationError("--config is not a JSON object.", 'Write --config \'{"host": "192.168.0.10"}\'.')
    return value


def _put(fields: dict[str, Any], path: Sequence[str], value: Any) -> bool:
    for part in path[:-1]:
        inner = fields.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
        fields = inner
    fields[path[-1]] = value
    return True


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(row: Mapping[str, Any]) -> list[Any]:
    """The cells of a row for a table; what a device says cannot disturb the terminal."""
    return [_cell(value) for value in row.values()]


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and not value.isprintable():
        return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in value)
    return value
