"""Holds what is on the topics after `bench edits` to what must be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.bench.edits_plan import EDITED_ASSET, EDITED_PARAMETER, Knobs
from ironstream.bench.plant import Plant
from ironstream.bench.switches import Judged, Switches, judge
from ironstream.contract import CONTROL_KEY, ID_HEADER, Topic
from ironstream.ledger.read import LedgerReader
from ironstream.ledger.records import refused_place
from ironstream.settings import Settings

_TOLD: Final = 5


class _Reading(msgspec.Struct, gc=False):
    asset_id: str
    parameter: str
    value: float | bool | None = None
    topology_version: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: readings by the ledger, readings judged by the right version, and all that is wrong, told."""

    sent: int
    clean: int
    refused: int
    judged: int
    switched_us: dict[int, int]
    """Number of a change → when the last partition's log named it, in µs since the epoch."""
    wrong: list[str]


async def check(settings: Settings, plant: Plant, knobs: Mapping[int, Knobs], last_change: int, sent: int) -> Found:
    """Check everything; `knobs` by version, `sent` by the sender. Nobody may write or process any more."""
    switches, switched_us = await _switches(settings)
    wrong = [
        f"the log of partition {partition} does not end with change {last_change}"
        for partition in range(settings.partitions)
        if switches[partition].numbers[-1:] != [last_change]
    ]
    judged = 0
    limits = {version: one.limit for version, one in knobs.items()}
    async for records in _records(settings, Topic.TELEMETRY_CLEAN):
        readings = [(_place(record), _decode(record.value)) for record in records]
        found = judge(switches, [Judged(*place, one.topology_version) for place, one in readings])
        judged += found.right
        wrong += found.wrong[: max(0, _TOLD - len(wrong))]
        for place, one in readings:
            if _is_edited(plant, one) and one.value is not None and one.value > limits[one.topology_version or 0]:
                wrong.append(f"telemetry.raw/{place[0]}/{place[1]} has {one.value}, above the limit, and is clean")
    async for records in _records(settings, Topic.DLQ_TELEMETRY):
        for record in records:
            refused = refused_place(record, Topic.TELEMETRY_RAW)
            one = _decode(record.value)
            version = switches[refused[0]].version_at(refused[1]) if refused is not None else None
            if version is None or not _is_edited(plant, one) or one.value is None or one.value <= limits[version]:
                wrong.append(f"{refused} was refused for no reason: {one}")
    return await _with_ledger(settings, sent, judged, switched_us, wrong)


async def _with_ledger(
    settings: Settings, sent: int, judged: int, switched_us: dict[int, int], wrong: list[str]
) -> Found:
    book = await LedgerReader(settings, None, None, lambda _what, _done, _total: None).read()
    accounts = book.accounts.values()
    numbered = sum(account.sent for account in accounts if "/device-" not in account.asset)
    if not book.explained:
        wrong += [
            f"{account.asset}/{account.parameter}: {account.missing} missing, {len(account.unexplained)} unexplained"
            for account in accounts
            if account.missing or account.unexplained
        ]
    if pending := sum(account.pending for account in accounts):
        wrong.append(f"{pending:,} readings wait for a worker")
    if numbered != sent:
        wrong.append(f"{numbered:,} readings are in the ledger, {sent:,} were sent")
    clean = sum(account.clean for account in accounts)
    if clean != judged:
        wrong.append(f"{judged:,} of {clean:,} clean readings were judged by the version before them in their log")
    refused = sum(account.refused.total() for account in accounts)
    return Found(sum(account.sent for account in accounts), clean, refused, judged, switched_us, wrong)


async def _switches(settings: Settings) -> tuple[defaultdict[int, Switches], dict[int, int]]:
    found: defaultdict[int, Switches] = defaultdict(Switches)
    last_us: dict[int, int] = {}
    async for records in _records(settings, Topic.TELEMETRY_RAW):
        for record in records:
            if record.key == CONTROL_KEY:
                of_partition = found[record.partition]
                before = len(of_partition.numbers)
                of_partition.add(record.offset, record.key, record.value)
                if len(of_partition.numbers) > before:
                    number = of_partition.numbers[-1]
                    last_us[number] = max(last_us.get(number, 0), record.timestamp * 1000)
    return found, last_us


def _is_edited(plant: Plant, reading: _Reading) -> bool:
    return reading.parameter == EDITED_PARAMETER and reading.asset_id == plant.asset(EDITED_ASSET)


def _place(record: Any) -> tuple[int, int]:
    name = next(value for key, value in record.headers if key == ID_HEADER)
    _, partition, offset = name.split(b"/")[:3]
    return int(partition), int(offset)


_decode: Final = msgspec.json.Decoder(_Reading).decode


async def _records(settings: Settings, topic: str) -> AsyncIterator[list[Any]]:
    """All records of a topic, the engine's own too, some at a time, in the order of each partition."""
    consumer = AIOKafkaConsumer(
        **settings.kafka_client_kwargs(), enable_auto_commit=False, max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    try:
        places = [TopicPartition(settings.topic(topic), number) for number in range(settings.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200, max_records=20_000)).values():
                yield records
    finally:
        await consumer.stop()
