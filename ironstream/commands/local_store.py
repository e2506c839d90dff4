"""The PostgreSQL of this machine, for sinks whose `dsn: ${secret:store-dsn}` is a secret that nobody has set.

A laptop needs no database to begin with; on a plant the secret is set and nothing here happens.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

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
