"""The sink of this folder, as the registry names it."""

from __future__ import annotations

from typing import Any, Final

from ironstream.sinks.classes import class_of
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.stores import store_of
from ironstream.sinks.sink import CompactOptions, CompactSummary, Sink, SinkContext, SinkKind


def _build(config: Any, context: SinkContext) -> Sink[Any]:
    from ironstream.sinks.s3_parquet.sink import S3ParquetSink

    return S3ParquetSink(config, context, store_of(config))


async def _test(config: S3ParquetConfig, _context: SinkContext) -> str:
    store = store_of(config)
    try:
        await store.connect()
    finally:
        await store.close()
    where = f"{config.path} at {config.endpoint_url}" if config.endpoint_url else config.path
    spared = "an existing file is spared (conditional put)" if config.conditional_put else "without conditional puts"
    return f"{where} can be listed and written to; {spared}"


async def _compact(config: S3ParquetConfig, context: SinkContext, options: CompactOptions) -> CompactSummary:
    from ironstream.sinks.s3_parquet.compaction import compact

    return await compact(config, context, options)


S3_PARQUET: Final = SinkKind(
    config_model=S3ParquetConfig,
    build=_build,
    topics=lambda topic: class_of(topic) is not None,
    description="Parquet files by tenant, class and day in a bucket (AWS, MinIO, any S3) or a local directory.",
    test=_test,
    compact=_compact,
)
