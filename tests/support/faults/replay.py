"""Replays what a deployment has on its topics from the beginning, with nothing remembered, and compares the outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient

from ironstream.contract import Topic
from ironstream.topics import STATEFUL_AGENTS, changelog_topic
from tests.support.faults.compare import Differences
from tests.support.faults.deployment import Deployment
from tests.support.faults.oracle import Logged

OUTPUTS = ("telemetry.clean", "dlq.invalid_telemetry", "events.clean", "alarms.raw", "alarms.clean", "audit_trail")

Outputs = dict[str, dict[str, Logged]]
"""By topic and id: what came first, for repeats are the same."""


async def outputs(on: Deployment, sizes_s: Iterable[int], since: dict[str, dict[int, int]] | None = None) -> Outputs:
    """What workers have written, from these offsets on. Raises AssertionError where a repeat is not the same."""
    differences = Differences()
    found: Outputs = {}
    for topic in (*OUTPUTS, *(Topic.aggregates(size) for size in sizes_s)):
        starts = {} if since is None else since[topic]
        of_topic = found.setdefault(topic, {})
        for record in await on.read(topic):
            name = _id(record)
            if name is not None and record.offset >= starts.get(record.partition, 0):
                first = of_topic.setdefault(name, record)
                if (first.key, first.value) != (record.key, record.value):
                    differences.add(f"{topic}: a repeat differs", f"{name}: {first.value!r} and {record.value!r}")
    assert not differences, str(differences)
    return found


async def ends(on: Deployment, sizes_s: Iterable[int]) -> dict[str, dict[int, int]]:
    """Where each of these topics ends, by partition."""
    topics = [*OUTPUTS, *(Topic.aggregates(size) for size in sizes_s)]
    found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
    for place, end in (await on.ends(topics)).items():
        found[place.topic.removeprefix(on.settings.topic_prefix)][place.partition] = end
    return found


async def start_anew(on: Deployment) -> None:
    """The next worker begins where the topics begin, and remembers nothing of those before it."""
    remembered = {on.settings.topic(changelog_topic(agent)) for agent in STATEFUL_AGENTS}
    admin = AIOKafkaAdminClient(**on.settings.kafka_client_kwargs())
    await admin.start()
    try:
        await admin.delete_topics(list(remembered))
        while remembered & set(await admin.list_topics()):  # noqa: ASYNC110  the broker has no event for this
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    again = {"application_id": f"{on.settings.application_id}-again", "data_dir": on.settings.data_dir / "again"}
    on.settings = on.settings.model_copy(update=again)


async def seen_until_ms(on: Deployment) -> int:
    """Append time up to which every partition of telemetry.raw has been processed."""
    processed = await on.processed("telemetry.raw")
    last: dict[int, int] = {}
    for record in await on.read("telemetry.raw"):
        if record.offset < processed.get(record.partition, 0):
            last[record.partition] = record.timestamp
    return min(last.values())


def compare(first: Outputs, second: Outputs, until_ms: int) -> dict[str, int]:
    """Hold a replay to what it replays; how many outputs of each topic are the same.

    What is there only the second time must come of what came later than `until_ms`, as a window that time has closed
    meanwhile. Raises AssertionError that shows what differs.
    """
    differences = Differences()
    for topic, of_topic in first.items():
        again = second[topic]
        for name, record in of_topic.items():
            if name not in again:
                differences.add(f"{topic}: not there again", f"{name}: {record.value!r}")
            elif (again[name].key, again[name].value) != (record.key, record.value):
                differences.add(f"{topic}: another value", f"{name}: {record.value!r} and {again[name].value!r}")
        for name in again.keys() - of_topic.keys():
            if again[name].timestamp <= until_ms:
                differences.add(f"{topic}: only there again", f"{name}: {again[name].value!r}")
    assert not differences, str(differences)
    return {topic: len(of_topic) for topic, of_topic in first.items()}


def _id(record: Logged) -> str | None:
    """What tells an output from all others; None for what is none."""
    if (name := record.headers.get("ironstream-id")) is not None:
        return name.decode()
    if "dlq-offset" in record.headers:
        return "/".join(
            record.headers[part].decode() for part in ("dlq-topic", "dlq-partition", "dlq-offset", "dlq-reason")
        )
    return None
