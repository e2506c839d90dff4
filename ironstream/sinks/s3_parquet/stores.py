"""Which store a configuration means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ironstream.sinks.s3_parquet.config import S3ParquetConfig

if TYPE_CHECKING:
    from ironstream.sinks.s3_parquet.store import Store


def store_of(config: S3ParquetConfig) -> Store:
    """Where the files go. No I/O; the client's library is loaded here, by whoever needs it."""
    if config.is_s3:
        from ironstream.sinks.s3_parquet.s3 import S3Store

        return S3Store(config)
    from ironstream.sinks.s3_parquet.local import LocalStore

    return LocalStore(Path(config.path).expanduser().absolute(), conditional=config.conditional_put)
