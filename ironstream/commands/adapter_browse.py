"""`ironstream adapter browse`: what a device offers, and the tags that would read it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ironstream.commands.adapter_pipelines import (
    AdapterOption,
    ConfigOption,
    SetOption,
    pipeline_of,
    shown,
)
from ironstream.commands.options import OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err, print_json, print_table, progress
from ironstream.commands.redacted import without_secrets
from ironstream.errors import ConfigurationError

if TYPE_CHECKING:
    from ironstream.gateway.adapter import AdapterKind, Offer
    from ironstream.gateway.pipeline import PipelineSpec

_COLUMNS = ("path", "address", "type", "value", "unit")


def browse(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME] [PATTERN]", help="Id of a pipeline (not with --adapter), and which paths (`*`: all)."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Stop after so many.", min=1)] = 1000,
    tags: Annotated[bool, typer.Option("--tags", help="Print them as `tags:`, to put into topology.yaml.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print them as CSV, to edit and import.")] = False,
    adapter: AdapterOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what a device offers. Nothing is changed there or here.

    Examples:

      ironstream adapter browse boiler-1-opcua '*Temperature*'

      ironstream adapter browse boiler-1-opcua --csv > boiler-1.csv

      ironstream adapter browse --adapter opcua --set endpoint=opc.tcp://127.0.0.1:4840 --tags
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS

    words = list(what or ())
    name = words.pop(0) if words and adapter is None else None
    pattern = words.pop(0) if words else "*"
    if words:
        raise ConfigurationError(f"{words[0]!r} is one argument too many.", "Put a pattern with blanks into quotes.")
    if csv and (tags or output is Output.JSON):
        raise ConfigurationError("--csv goes neither with --tags nor with --output json.", "Choose one of them.")
    pipeline = pipeline_of(settings_of().topology, name, adapter, config, set_ or [])
    if adapter is not None and adapter in ADAPTERS:
        # nobody knows a tag yet who wants to see which there are
        pipeline = replace(pipeline, config={**ADAPTERS[adapter].blank, **pipeline.config})
    offers, more = asyncio.run(_browse(pipeline, ADAPTERS, pattern, limit))
    if csv or tags:
        _print_tags(offers, ADAPTERS[pipeline.adapter], csv=csv, output=output)
    elif output is Output.JSON:
        print_json({"pipeline": pipeline.id, "offers": [asdict(offer) for offer in offers], "more": more})
    else:
        rows = [shown({column: getattr(offer, column) for column in _COLUMNS}) for offer in offers]
        print_table(f"{pipeline.id}: {len(offers)} offered", _COLUMNS, rows)
    if more:
        err().print(Text(f"There is more than these {limit}: raise --limit, or narrow the pattern.", style="yellow"))
    if not offers:
        err().print(Text(f"Nothing matches {pattern!r}.", style="yellow"))
        raise typer.Exit(1)


async def _browse(
    pipeline: PipelineSpec, adapters: Mapping[str, AdapterKind], pattern: str, limit: int
) -> tuple[list[Offer], bool]:
    """What the device offers, at most `limit`, and whether there is more. Raises AdapterError."""
    from adapters.__main__ import settings_from_environment
    from ironstream.gateway.adapter import Browsable
    from ironstream.gateway.build import build

    (built,) = await build([pipeline], adapters, settings_from_environment())
    device = built.adapter
    if not isinstance(device, Browsable):
        raise ConfigurationError(
            f"{pipeline.adapter} cannot browse: its devices do not say what they offer.",
            "Take the addresses from the device's manual; `ironstream adapter tags export NAME FILE` writes a list to"
            " edit in a spreadsheet, and `tags import` reads it.",
        )
    offers: list[Offer] = []
    found: AsyncIterator[Offer] | None = None
    with without_secrets(built.redact), progress() as bar:
        task = bar.add_task(f"browsing {pipeline.id}", total=None)
        try:
            await device.connect()
            found = device.browse(pattern)
            async for offer in found:
                if len(offers) == limit:
                    return offers, True
                offers.append(offer)
                bar.advance(task)
        finally:
            # what a generator was at must be over before its connection goes
            if isinstance(found, AsyncGenerator):
                await found.aclose()
            await device.close()
    return offers, False


def _print_tags(offers: Sequence[Offer], kind: AdapterKind, *, csv: bool, output: Output) -> None:
    from ironstream.topology.flow import flow
    from ironstream.topology.lists.changes import key_of
    from ironstream.topology.lists.entries import entries_to_csv

    tags: list[Mapping[str, Any]] = [offer.tag for offer in offers if offer.tag is not None]
    keys = Counter(key_of(kind.tag_model.model_validate(tag)) for tag in tags)
    if csv:
        sys.stdout.write(entries_to_csv([kind.tag_model.model_validate(tag) for tag in tags], kind.tag_model))
    elif output is Output.JSON:
        print_json({"tags": tags})
    else:
        sys.stdout.write("tags:\n" + "".join(f"  - {flow(tag)}\n" for tag in tags))
    for key in sorted(key for key, times in keys.items() if times > 1):
        err().print(Text(f"{keys[key]} of them have the name {key}: give each its own.", style="yellow"))
    if len(tags) < len(offers):
        err().print(Text(f"{len(offers) - len(tags)} of {len(offers)} cannot be read as a tag.", style="yellow"))
