"""The PostgreSQL of this machine, for sinks whose `dsn: ${secret:store-dsn}` is a secret that nobody has set.

A laptop needs no database to begin with; on a plant the secret is set and nothing here happens.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from rich.console import Console

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.embedded.postgres_storage import PostgresStorage
from ironstream.gateway.secrets import SecretPlaces, is_set, references, variable_of
from ironstream.settings import Settings
from ironstream.topology import Topology

FOLDER: Final = "postgres"
_KINDS: Final = ("postgres", "timescaledb")


def unset_stores(topology: Topology) -> list[str]:
    """Names of the secrets that stand for the whole dsn of an enabled store and that nobody has set."""
    names: list[str] = []
    places = SecretPlaces.from_environment()
    for sink in topology.sinks:
        dsn = sink.config.get("dsn") if sink.kind in _KINDS and sink.enabled else None
        if isinstance(dsn, str) and [dsn] == [f"${{secret:{name}}}" for name in references(dsn)]:
            names += [name for name in references(dsn) if not is_set(name, places)]
    return names


class LocalStore:
    """An embedded PostgreSQL in the data folder, started when the first topology needs one. Sinks find it there."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._folder = store_folder(settings)
        self._console = console
        self._server: EmbeddedPostgres | None = None

    def serve(self, topology: Topology) -> None:
        """Have it run where a store of this topology needs it. Raises DatabaseError when it cannot be started."""
        unset = unset_stores(topology)
        if not unset or self._server is not None:
            return
        self._console.print("starting PostgreSQL")
        server = EmbeddedPostgres(self._folder)
        asyncio.run(server.start())
        self._server = server
        self._console.print(f"  {', '.join(unset)} is an embedded PostgreSQL, log {server.log_file}", markup=False)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._server is not None:
            self._console.print("stopping PostgreSQL")
            asyncio.run(self._server.stop())


def secrets_for(names: list[str], dsn: str) -> dict[str, str]:
    """Environment in which these secrets are `dsn`."""
    return {variable_of(name): dsn for name in names}


def offer_running_store(settings: Settings, topology: Topology) -> None:
    """Let secrets that nobody has set be the PostgreSQL that `ironstream up` runs in the data folder, if it does."""
    names = unset_stores(topology)
    port = PostgresStorage(store_folder(settings)).running_port() if names else None
    if port is not None:
        os.environ.update(secrets_for(names, EmbeddedPostgres(store_folder(settings), port).dsn))


def store_folder(settings: Settings) -> Path:
    """Where its data are."""
    return settings.data_dir / FOLDER
