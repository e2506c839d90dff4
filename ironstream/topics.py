"""The topics of a deployment: their settings, how they are made, and how they differ from what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from ironstream.contract import Topic
from ironstream.errors import BrokerError
from ironstream.settings import Settings

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
YEAR_MS: Final = 365 * DAY_MS
MIB: Final = 1024 * 1024
STATEFUL_AGENTS: Final = ("telemetry", "events", "alarms")

_ALREADY_EXISTS: Final = 36
_UNKNOWN_TOPIC: Final = 3

# A device's clock must never decide how long its data are kept.
_BY_ARRIVAL = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MIB)}
# What comes out of a raw record (a clean reading, a dead letter) is larger by its headers, and must fit.
_OUTPUT = {"max.message.bytes": str(2 * MIB)}
_RETENTION_MS: Final = {
    Topic.TELEMETRY_RAW: 24 * HOUR_MS,
    Topic.TELEMETRY_CLEAN: 7 * DAY_MS,
    Topic.EVENTS_RAW: 30 * DAY_MS,
    Topic.EVENTS_CLEAN: 30 * DAY_MS,
    Topic.ALARMS_RAW: 30 * DAY_MS,
    Topic.ALARMS_CLEAN: 7 * YEAR_MS,
    Topic.AUDIT_TRAIL: 7 * YEAR_MS,
    Topic.CONFIG_STATUS: 12 * HOUR_MS,
    Topic.LOGS_ADAPTERS: 7 * DAY_MS,
    Topic.LOGS_GATEWAY: 7 * DAY_MS,
    Topic.LOGS_SINKS: 7 * DAY_MS,
    Topic.DLQ_TELEMETRY: 30 * DAY_MS,
    Topic.DLQ_EVENTS: 30 * DAY_MS,
    Topic.DLQ_ALARMS: 30 * DAY_MS,
    Topic.DLQ_SINKS: 30 * DAY_MS,
    Topic.DLQ_OVERFLOW: 30 * DAY_MS,
}
_ARRIVING: Final = frozenset({Topic.TELEMETRY_RAW, Topic.EVENTS_RAW, Topic.ALARMS_RAW, Topic.CONFIG_STATUS})


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be. `name` includes the deployment's prefix; `config` holds Kafka's own names and values."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """An existing topic that is not as its spec says.

    `setting` is "partitions", "replication" or one of Kafka's topic settings.
    """

    topic: str
    setting: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.actual}, should be {self.expected}"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is in Kafka."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def aggregate_retention_ms(size_s: int) -> int:
    """How long windows of a size are kept: the larger the window, the longer."""
    for below_s, retention_ms in ((10, 7 * DAY_MS), (60, 30 * DAY_MS), (3600, 90 * DAY_MS)):
        if size_s < below_s:
            return retention_ms
    return 2 * YEAR_MS


def changelog_topic(agent: str) -> str:
    """Name, without prefix, of the topic that holds the state of a stateful agent."""
    return f"ironstream.{agent}.changelog"


def changelog_config() -> dict[str, str]:
    """Settings of a changelog topic."""
    return {
        "cleanup.policy": "compact",
        # a row that no marker has confirmed yet must not displace a confirmed one (state that never counts twice)
        "min.compaction.lag.ms": str(HOUR_MS),
        "delete.retention.ms": str(DAY_MS),
        # only closed segments are compacted: small ones keep a restore short
        "segment.bytes": str(64 * MIB),
        "segment.ms": str(6 * HOUR_MS),
        "max.message.bytes": str(8 * MIB),
    }


def topic_count(window_sizes_s: Iterable[int]) -> int:
    """How many topics a deployment with these window sizes has."""
    return len(_RETENTION_MS) + len(set(window_sizes_s)) + 1 + len(STATEFUL_AGENTS)


def topic_specs(settings: Settings, window_sizes_s: Sequence[int]) -> list[TopicSpec]:
    """Every topic of the deployment, all with the same number of partitions, so that an asset has one place in each."""
    # With three copies what is acknowledged is on two brokers: one may be lost with its disk.
    copies = {"min.insync.replicas": "2" if settings.replication >= 3 else "1"}

    def spec(name: str, config: dict[str, str]) -> TopicSpec:
        return TopicSpec(settings.topic(name), settings.partitions, config | copies)

    specs = []
    for name, retention_ms in _RETENTION_MS.items():
        specs.append(spec(name, _kept(retention_ms) | (_BY_ARRIVAL if name in _ARRIVING else _OUTPUT)))
    for size_s in sorted(set(window_sizes_s)):
        specs.append(spec(Topic.aggregates(size_s), _kept(aggregate_retention_ms(size_s))))
    specs.append(spec(Topic.CONFIG_TOPOLOGY, {"cleanup.policy": "compact", "max.message.bytes": str(8 * MIB)}))
    specs.extend(spec(changelog_topic(agent), changelog_config()) for agent in STATEFUL_AGENTS)
    return specs


def _kept(retention_ms: int) -> dict[str, str]:
    # A record may be deleted only with its whole segment: one that stays open longer than this outlives its time.
    segment_ms = min(7 * DAY_MS, max(HOUR_MS, retention_ms // 12))
    return {"cleanup.policy": "delete", "retention.ms": str(retention_ms), "segment.ms": str(segment_ms)}


async def ensure_topics(
    client_kwargs: str | dict[str, Any], specs: Iterable[TopicSpec], replication: int = 1
) -> list[TopicDifference]:
    """Create the topics that are missing; report, and never change, existing ones that differ from their spec.

    `client_kwargs` are those of `Settings.kafka_client_kwargs`, or just the bootstrap servers. May run in several
    processes at once. Returns once every topic has a leader for each partition. Raises BrokerError when Kafka cannot
    be reached or refuses a topic.
    """
    wanted = {spec.name: spec for spec in specs}
    async with _admin(client_kwargs) as admin:
        existing = set(await admin.list_topics())
        missing = [spec for spec in wanted.values() if spec.name not in existing]
        if missing:
            await _create(admin, missing, replication)
            await _wait_for_leaders(admin, [spec.name for spec in missing])
        found = await _describe(admin, list(wanted))
    return [
        difference
        for name, spec in wanted.items()
        for difference in ([] if name not in found else _differences(spec, found[name], replication))
    ]


async def ensure_all_topics(settings: Settings, window_sizes_s: Sequence[int]) -> list[TopicDifference]:
    """`ensure_topics` for every topic of the deployment with windows of these sizes."""
    specs = topic_specs(settings, window_sizes_s)
    return await ensure_topics(settings.kafka_client_kwargs(), specs, settings.replication)


async def describe(client_kwargs: str | dict[str, Any], names: Iterable[str]) -> dict[str, TopicState]:
    """State in Kafka of the named topics (with prefix); those that do not exist are left out. Raises BrokerError."""
    async with _admin(client_kwargs) as admin:
        return await _describe(admin, list(names))


async def topic_names(client_kwargs: str | dict[str, Any]) -> set[str]:
    """Names (with prefix) of all topics that Kafka shows to this user. Raises BrokerError."""
    async with _admin(client_kwargs) as admin:
        return set(await admin.list_topics())


async def delete_topics(client_kwargs: str | dict[str, Any], names: Iterable[str]) -> None:
    """Delete topics (with prefix), and return once they are gone; one that is not there is no error.

    Raises BrokerError when Kafka cannot be reached or refuses.
    """
    async with _admin(client_kwargs) as admin:
        there = sorted(set(names) & set(await admin.list_topics()))
        if not there:
            return
        response = await admin.delete_topics(there)
        refused = [
            f"{name}: {for_code(code).__name__}"
            for name, code, *_ in response.topic_error_codes
            if code not in (0, _UNKNOWN_TOPIC)
        ]
        if refused:
            raise BrokerError(
                "Kafka refuses to delete topics:\n  " + "\n  ".join(refused),
                "Has this user the right to delete them, and is delete.topic.enable true on the brokers?",
            )
        await _wait_until_gone(admin, there)


async def _wait_until_gone(admin: AIOKafkaAdminClient, names: list[str], timeout_s: float = 30.0) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while left := sorted(set(names) & set(await admin.list_topics())):
        if asyncio.get_running_loop().time() > deadline:
            raise BrokerError(
                f"Kafka still has {', '.join(left)}, {timeout_s:.0f} s after they were deleted.",
                "Look at the brokers' logs; are all of them running?",
            )
        await asyncio.sleep(0.05)


def _differences(spec: TopicSpec, state: TopicState, replication: int) -> list[TopicDifference]:
    differences = []
    if state.partitions != spec.partitions:
        differences.append(TopicDifference(spec.name, "partitions", str(spec.partitions), str(state.partitions)))
    if state.replication != replication:
        differences.append(TopicDifference(spec.name, "replication", str(replication), str(state.replication)))
    for setting, expected in spec.config.items():
        actual = state.config.get(setting, "")
        if actual != expected:
            differences.append(TopicDifference(spec.name, setting, expected, actual))
    return differences


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec], replication: int) -> None:
    response = await admin.create_topics(
        [NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config) for spec in specs]
    )
    refused = []
    for topic in response.to_object()["topic_errors"]:
        # another process of the deployment may have been faster
        if topic["error_code"] not in (0, _ALREADY_EXISTS):
            reason = topic.get("error_message") or for_code(topic["error_code"]).__name__
            refused.append(f"{topic['topic']}: {reason}")
    if refused:
        raise BrokerError(
            "Kafka refuses to create topics:\n  " + "\n  ".join(refused),
            "Check IRONSTREAM_REPLICATION against the number of brokers, and the right of this user to create topics.",
        )


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: list[str], timeout_s: float = 30.0) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        topics = await admin.describe_topics(names)
        waiting = [
            topic["topic"]
            for topic in topics
            if topic["error_code"] or any(partition["leader"] < 0 for partition in topic["partitions"])
        ]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise BrokerError(
                f"Kafka made {', '.join(waiting)} but no broker leads them after {timeout_s:.0f} s.",
                "Look at the brokers' logs; are all of them running?",
            )
        await asyncio.sleep(0.05)


async def _describe(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, TopicState]:
    # asked for by name, a missing topic would be made by brokers that create topics on sight
    shapes = {topic["topic"]: topic for topic in await admin.describe_topics() if topic["topic"] in names}
    if not shapes:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in shapes]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for resource in response.to_object()["resources"]:
            configs[resource["resource_name"]] = {
                entry["config_names"]: entry["config_value"] or "" for entry in resource["config_entries"]
            }
    return {
        name: TopicState(
            name,
            partitions=len(topic["partitions"]),
            replication=len(topic["partitions"][0]["replicas"]) if topic["partitions"] else 0,
            config=configs.get(name, {}),
        )
        for name, topic in shapes.items()
    }


@asynccontextmanager
async def _admin(client_kwargs: str | dict[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    kwargs = {"bootstrap_servers": client_kwargs} if isinstance(client_kwargs, str) else client_kwargs
    admin = AIOKafkaAdminClient(client_id="ironstream-topics", **kwargs)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as err:
        raise BrokerError(
            f"Kafka at {kwargs['bootstrap_servers']} does not answer: {err}",
            "Is it running, and is IRONSTREAM_BOOTSTRAP its address? `ironstream up` starts one on this machine.",
        ) from err
    finally:
        await admin.close()
