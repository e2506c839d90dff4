"""The kind webhook, as the registry names it."""

from __future__ import annotations

from typing import Final

from ironstream.contract import Topic
from ironstream.sinks.http.message_config import message_sink
from ironstream.sinks.http.sink import MessageSink
from ironstream.sinks.sink import Limits, SinkContext, SinkKind
from ironstream.sinks.webhook.config import WebhookConfig

_ROWS: Final = 500
_AGE_S: Final = 0.2
"""An alarm does not wait for others."""
_WRITE_TIMEOUT_S: Final = 600.0


def build(config: WebhookConfig, context: SinkContext) -> MessageSink:
    """The sink. Raises ConfigurationError."""
    limits = Limits(rows=max(_ROWS, config.max_records), age_s=_AGE_S, write_timeout_s=_WRITE_TIMEOUT_S)
    return message_sink(config, context, "single" if config.max_records == 1 else "json", config.max_records, limits)


async def test(config: WebhookConfig, context: SinkContext) -> str:
    """Connects, and gets a token where the endpoint wants one; no alarm is sent."""
    sink = build(config, context)
    try:
        return await sink.reach()
    finally:
        await sink.close()


WEBHOOK: Final = SinkKind(
    config_model=WebhookConfig,
    build=build,
    topics=lambda topic: topic == Topic.ALARMS_CLEAN,
    description="Every transition of an alarm, POSTed to an HTTP endpoint in its order: signed, with its id.",
    test=test,
)
