"""The store that a command of `ironstream query` asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ironstream.commands.redacted import without_secrets
from ironstream.commands.sink_named import NamedSink, declared_sinks
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings

if TYPE_CHECKING:
    from ironstream.query.store import Store

StoreOption = Annotated[
    str | None, typer.Option("--store", "-s", metavar="ID", help="Sink of topology.yaml to ask; else the first store.")
]


@asynccontextmanager
async def opened_store(settings: Settings, sink_id: str | None) -> AsyncIterator[Store]:
    """The store of a sink, else of the first enabled one that can be asked.

    Raises ConfigurationError, StoreUnreachableError, NothingStoredError; no secret is in what it raises.
    """
    from adapters.__main__ import settings_from_environment
    from ironstream.query.opened import open_store
    from ironstream.sinks.configured import configured

    sink = _first(settings) if sink_id is None else store_named(settings, sink_id)
    config, redact = await configured(sink.part, sink.kind, settings_from_environment())
    with without_secrets(redact):
        store = await open_store(sink.part.id, sink.part.kind, config)
        try:
            yield store
        finally:
            await store.close()


def store_named(settings: Settings, sink_id: str) -> NamedSink:
    """The sink of that id, whose target can be asked. Raises ConfigurationError."""
    from ironstream.query.opened import QUERIED
    from ironstream.topology.faults import did_you_mean

    by_id = {sink.part.id: sink for sink in declared_sinks(settings) if sink.part.kind in QUERIED}
    if sink_id not in by_id:
        near = did_you_mean(sink_id, by_id)
        raise ConfigurationError(
            f"{settings.topology} has no store {sink_id}.",
            f"{near[:1].upper()}{near[1:]} There are: {', '.join(by_id) or 'none'}.".strip(),
        )
    return by_id[sink_id]


def _first(settings: Settings) -> NamedSink:
    from ironstream.query.opened import QUERIED

    stores = [sink for sink in declared_sinks(settings) if sink.part.kind in QUERIED]
    chosen = next((sink for sink in stores if sink.part.enabled), None)
    if chosen is not None:
        return chosen
    disabled = f" or enable {', '.join(sink.part.id for sink in stores)}, or name it with --store," if stores else ""
    raise ConfigurationError(
        f"{settings.topology} declares no store that can be asked.",
        f"Add a sink of kind {', '.join(QUERIED)} to `sinks:`,{disabled} see docs/sinks.md.",
    )
