"""From a sink of topology.yaml to the store that it fills."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from ironstream.errors import ConfigurationError
from ironstream.query.store import Store

if TYPE_CHECKING:
    from ironstream.sinks.s3_parquet.config import S3ParquetConfig

QUERIED: Final = ("postgres", "timescaledb", "s3-parquet")
"""Kinds of sinks whose targets can be asked."""


async def open_store(sink_id: str, kind: str, config: BaseModel) -> Store:
    """The store of a sink; `config` is that of its kind, secrets in their places.

    Raises StoreUnreachableError, NothingStoredError; ConfigurationError for a kind that cannot be asked.
    """
    # each library is costly to import, which who asks another store would pay for
    if kind in ("postgres", "timescaledb"):
        from ironstream.query.postgres import PostgresStore
        from ironstream.sinks.postgres.config import PostgresConfig

        assert isinstance(config, PostgresConfig)
        return await PostgresStore.open(config, f"store {sink_id} ({config.place})")
    if kind == "s3-parquet":
        from ironstream.query.parquet import ParquetStore
        from ironstream.sinks.s3_parquet.config import S3ParquetConfig

        assert isinstance(config, S3ParquetConfig)
        system, root = file_system(config)
        return await ParquetStore.open(system, root, f"store {sink_id} ({config.path})")
    raise ConfigurationError(
        f"Sink {sink_id} is of kind {kind}, which cannot be asked.", f"Name one of kind {', '.join(QUERIED)}."
    )


def file_system(config: S3ParquetConfig) -> tuple[Any, str]:
    """File system and root of the files."""
    from pyarrow import fs

    if not config.is_s3:
        return fs.LocalFileSystem(), str(Path(config.path).expanduser().absolute())
    root = f"{config.bucket}/{config.prefix}".rstrip("/")
    return fs.S3FileSystem(**_s3_options(config)), root


def _s3_options(config: S3ParquetConfig) -> Mapping[str, Any]:
    secrets = {"access_key": config.access_key_id, "secret_key": config.secret_access_key,
               "session_token": config.session_token}  # fmt: skip
    options: dict[str, Any] = {
        "connect_timeout": config.connect_timeout_s,
        "request_timeout": config.read_timeout_s,
        "background_writes": False,
        **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
    }
    if config.region or config.endpoint_url:
        options["region"] = config.region or "us-east-1"
    if config.endpoint_url:
        url = urlsplit(config.endpoint_url)
        options |= {"endpoint_override": url.netloc, "scheme": url.scheme}
    if config.addressing == "virtual":
        options["force_virtual_addressing"] = True
    if config.ca_file:
        options["tls_ca_file_path"] = config.ca_file
    return options
