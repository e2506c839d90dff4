"""The kind of sink of this folder, as the registry names it."""

from __future__ import annotations

from typing import Any, Final

from ironstream.contract import Topic
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.sink import Sink, SinkContext, SinkKind

_TOPICS: Final = frozenset((Topic.TELEMETRY_CLEAN, Topic.aggregates(60), Topic.ALARMS_CLEAN))


def _build(config: Any, context: SinkContext) -> Sink[Any]:
    """The sink, whose libraries are loaded here and not by whoever only checks a configuration."""
    from ironstream.sinks.redis_twin.sink import RedisTwin

    return RedisTwin(config, context.schemas)


async def _test(config: Any, context: SinkContext) -> str:
    from ironstream.sinks.redis_twin.probe import probe

    return await probe(config)


REDIS_TWIN: Final = SinkKind(
    config_model=RedisTwinConfig,
    build=_build,
    topics=_TOPICS.__contains__,
    description="Last value of every series, a ring of 1 min aggregates and the active alarms, in Redis.",
    test=_test,
)
