"""The kind pagerduty, as the registry names it."""

from __future__ import annotations

from typing import Final

from ironstream.contract import Topic
from ironstream.sinks.pagerduty.config import PagerDutyConfig
from ironstream.sinks.pagerduty.sink import PagerDutySink
from ironstream.sinks.sink import SinkContext, SinkKind


def build(config: PagerDutyConfig, context: SinkContext) -> PagerDutySink:
    """The sink. Raises ConfigurationError."""
    return PagerDutySink(config)


async def test(config: PagerDutyConfig, context: SinkContext) -> str:
    """Connects; no event is sent, for there is none that pages nobody."""
    sink = build(config, context)
    try:
        return await sink.reach()
    finally:
        await sink.close()


PAGERDUTY: Final = SinkKind(
    config_model=PagerDutyConfig,
    build=build,
    topics=lambda topic: topic == Topic.ALARMS_CLEAN,
    description="Alarms as alerts of PagerDuty: triggered, acknowledged and resolved by occurrence.",
    test=test,
)
