"""The kind cloud-api, as the registry names it."""

from __future__ import annotations

from typing import Final

from ironstream.sinks.classes import class_of
from ironstream.sinks.cloud_api.config import CloudApiConfig
from ironstream.sinks.http.message_config import message_sink
from ironstream.sinks.http.sink import MessageSink
from ironstream.sinks.sink import Limits, SinkContext, SinkKind

_WRITE_TIMEOUT_S: Final = 600.0
"""Finding refused records takes many requests, each with a limit of its own."""


def build(config: CloudApiConfig, context: SinkContext) -> MessageSink:
    """The sink. Raises ConfigurationError."""
    limits = Limits(
        rows=config.max_records,
        nbytes=config.max_body_bytes,
        age_s=1.0,
        held_rows=10 * config.max_records,
        write_timeout_s=_WRITE_TIMEOUT_S,
    )
    return message_sink(config, context, config.format, config.max_records, limits)


async def test(config: CloudApiConfig, context: SinkContext) -> str:
    """Connects, and gets a token where the API wants one; no data is sent."""
    sink = build(config, context)
    try:
        return await sink.reach()
    finally:
        await sink.close()


CLOUD_API: Final = SinkKind(
    config_model=CloudApiConfig,
    build=build,
    topics=lambda topic: class_of(topic) is not None,
    description="Batches of records, POSTed to an HTTP API as JSON: signed, compressed, with an id for each record.",
    test=test,
)
