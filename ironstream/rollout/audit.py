"""Changes of the topology on audit_trail: who, when, why, and what was before and after."""

from __future__ import annotations

import msgspec
from aiokafka import AIOKafkaProducer

from ironstream.contract import Topic
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import Action, make_change, now
from ironstream.rollout.records import Change
from ironstream.settings import Settings


class TopologyAudit(msgspec.Struct, frozen=True, tag_field="kind", tag="topology"):
    """A change that was made, or a canary that has passed its watch. The texts are on config.topology, by version."""

    change: int
    action: str
    actor: str
    reason: str
    time: str
    before_version: int | None
    before_sha256: str | None
    after_version: int
    after_sha256: str


async def audited_change(
    settings: Settings, log: TopologyLog, version: int, action: Action, author: str, reason: str, after: int
) -> Change:
    """`operations.make_change`, and its record on audit_trail.

    Should this die in between, the log of topologies has all that the record would say.
    """
    change = await make_change(log, version, action, author, reason, after)
    before = None if change.before is None else log.history.versions[change.before]
    record = TopologyAudit(
        change.number, action, author, reason, change.time,
        None if before is None else before.number, None if before is None else before.sha256,
        version, log.history.versions[version].sha256,
    )  # fmt: skip
    await _told(settings, record)
    return change


async def audited_pass(settings: Settings, log: TopologyLog, change: Change, author: str, reason: str) -> None:
    """A record that the canary of a change was watched to its end, and did well; who takes over may say it again."""
    version = log.history.versions[change.version]
    same = version.number, version.sha256
    await _told(settings, TopologyAudit(change.number, "pass", author, reason, now(), *same, *same))


async def _told(settings: Settings, record: TopologyAudit) -> None:
    producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            settings.topic(Topic.AUDIT_TRAIL), key=b"topology", value=msgspec.json.encode(record)
        )
    finally:
        await producer.stop()
