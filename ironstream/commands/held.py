"""The topology that holds, for commands that only look: read without making anything."""

from __future__ import annotations

from ironstream.commands.output import run
from ironstream.commands.rollout_log import version_of
from ironstream.contract import Topic
from ironstream.errors import BrokerError
from ironstream.rollout.history import History
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Version
from ironstream.settings import Settings
from ironstream.topics import topic_names


def held_version(settings: Settings, number: int | None = None) -> Version | None:
    """The version that holds, or the one of this number; None where nothing holds yet.

    Raises BrokerError when Kafka is away, ConfigurationError for a number that there is not.
    """
    try:
        history = run(_history(settings), settings.bootstrap)
    except BrokerError as err:
        raise BrokerError(err.message, f"{err.hint} Without Kafka, --against FILE compares with a file.") from err
    if number is None and history.current is None:
        return None
    return version_of(history, number)


async def _history(settings: Settings) -> History:
    # asked for while it is not there, the topic would be made by brokers that make topics on sight
    if settings.topic(Topic.CONFIG_TOPOLOGY) not in await topic_names(settings.kafka_client_kwargs()):
        return History()
    async with TopologyLog(settings) as log:
        return log.history
