"""Reads the logs of a canary's assets, from some time before the change on: telemetry.raw and its dead letters.

Records are told apart by their keys: those of other assets are skipped without being decoded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ironstream.codec import WireReading, decode_readings
from ironstream.contract import CONTROL_KEY, DEFAULT_PART, Topic
from ironstream.dlq import PREFIX
from ironstream.engine.control import TopologyChange, decode_control
from ironstream.rollout.watch.judge import Health
from ironstream.rollout.watch.tally import Tally, together
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topology.canary import CompiledCanary
from ironstream.topology.canary.given_up import GivenUp
from ironstream.topology.model import Canary

RECORDS_PER_S: Final = 5_000
"""Of a plant with more, some of its partitions are watched, as a sample: a worker is to have time for its own work."""
_READ_PER_S: Final = 30_000
"""What is read at most while it catches up."""
_AT_ONCE: Final = 1_000
_REMEMBERED: Final = 100_000


class CanaryLogs:
    """The logs of a canary's assets, in the partitions that have some of them.

    `number` is that of its change, `changed_ms` when it was made. When it is entered, nothing has been read yet.
    """

    def __init__(
        self, settings: Settings, canary: CompiledCanary, number: int, changed_ms: int, partitions: Sequence[int]
    ) -> None:
        self.tallies: dict[int, Tally] = {}
        self._settings = settings
        self._canary = canary
        self._number = number
        self._changed_ms = changed_ms
        self._limits: Canary = canary.parent.topology.deployment.canary
        self._since_ms = changed_ms - round(self._limits.watch_s * 1000)
        self._partitions = list(partitions)
        self._given_up = GivenUp(canary.parent.topology, canary.candidate.topology, canary.part)
        self._schemas = Schemas(settings.schemas)
        self._concerned: dict[bytes | None, bool] = {}
        self._raw, self._dead = settings.topic(Topic.TELEMETRY_RAW), settings.topic(Topic.DLQ_TELEMETRY)
        self._consumer: Any = None
        self._admin: Any = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        kafka = self._settings.kafka_client_kwargs()
        try:
            self._consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, fetch_max_wait_ms=100)
            self._stack.push_async_callback(self._consumer.stop)
            await self._consumer.start()
            self._admin = AIOKafkaAdminClient(**kafka)
            self._stack.push_async_callback(self._admin.close)
            await self._admin.start()
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _begin(self) -> None:
        every = self._of(self._raw)
        began, changed = await self._at(every, self._since_ms), await self._at(every, self._changed_ms)
        room = RECORDS_PER_S * self._limits.watch_s
        chosen: list[int] = []
        for tp in every:
            room -= changed[tp] - began[tp]
            if room >= 0 or not chosen:
                chosen.append(tp.partition)
        self._partitions = chosen
        raw, dead = self._of(self._raw), self._of(self._dead)
        self._consumer.assign(raw + dead)
        starts = {tp: began[tp] for tp in raw} | await self._at(dead, self._since_ms)
        for tp, offset in starts.items():
            self._consumer.seek(tp, offset)
        self.tallies = {tp.partition: Tally(began[tp], self._limits) for tp in raw}

    async def catch_up(self, within_s: float) -> bool:
        """Read to what is the end now, no faster than is good for who does the work; whether it was reached in time."""
        deadline = time.monotonic() + within_s
        # the dead letters of what has been read are to be there as well, so their end is the later one
        for tps in (self._of(self._raw), self._of(self._dead)):
            ends = await self._consumer.end_offsets(tps)
            while any([await self._consumer.position(tp) < ends[tp] for tp in tps]):
                if time.monotonic() > deadline:
                    return False
                for tp, records in (await self._consumer.getmany(timeout_ms=200, max_records=_AT_ONCE)).items():
                    self._take(tp, records)
                    await asyncio.sleep(len(records) / _READ_PER_S)
        return True

    def _take(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        tally = self.tallies[tp.partition]
        if tp.topic == self._dead:
            for record in records:
                if self._is_concerned(record.key):
                    self._dead_letter(tally, dict(record.headers))
            return
        for record in records:
            if record.key == CONTROL_KEY:
                said = decode_control(record)
                if isinstance(said, TopologyChange) and said.number == self._number:
                    tally.switched(record.offset, record.timestamp)
            elif self._is_concerned(record.key):
                self._reading(tally, record)
            tally.passed(record.offset, record.timestamp)

    def _reading(self, tally: Tally, record: Any) -> None:
        # one at a time: of a batch, one that cannot be decoded would cost all others as much
        readings = decode_readings([record.value], self._schemas).readings
        names = [_name(one) for one in readings] if readings else [None]
        tally.reading(record.timestamp, names, sum(one.value is None and one.quality == "BAD" for one in readings))

    def _dead_letter(self, tally: Tally, headers: dict[str, bytes]) -> None:
        offset = headers.get(PREFIX + "offset", b"")
        if headers.get(PREFIX + "topic") == Topic.TELEMETRY_RAW.encode() and offset.isdigit():
            reason, detail = (headers.get(PREFIX + name, b"").decode(errors="replace") for name in ("reason", "detail"))
            tally.dead_letter(int(offset), reason, detail)

    def _is_concerned(self, key: bytes | None) -> bool:
        known = self._concerned.get(key)
        if known is None:
            parts = (key or b"").decode(errors="replace").split("/")
            if len(self._concerned) >= _REMEMBERED:
                # keys may be anything
                self._concerned.clear()
            known = self._concerned[key] = len(parts) == 3 and self._canary.part.has(*parts)
        return known

    def health(self) -> tuple[Health, Health]:
        """Before the change and since, of what has been read."""
        both = [tally.health(self._interval_ms) for tally in self.tallies.values()]
        return together(before for before, _ in both), together(since for _, since in both)

    def _interval_ms(self, name: str) -> int | None:
        tenant, site, asset, parameter = name.split("/", 3)
        if self._given_up((tenant, site, asset), parameter):
            return None
        return self._canary.series(tenant, site, asset, parameter).expected_interval_us // 1000

    @property
    def is_over(self) -> bool:
        """Whether the logs of all partitions have come to the end of the watch."""
        return all(tally.is_over for tally in self.tallies.values())

    @property
    def end_ms(self) -> int:
        """When the watch ends in the last of the partitions, as far as they have come to the change."""
        return max(tally.end_ms or 0 for tally in self.tallies.values())

    @property
    def clock_ms(self) -> int:
        """How far the logs have been read."""
        return max(tally.clock_ms for tally in self.tallies.values())

    async def are_done(self, at_ms: int) -> bool:
        """Whether the workers have processed all that had come by then."""
        raw = self._of(self._raw)
        came = await self._at(raw, at_ms)
        done = await self._admin.list_consumer_group_offsets(self._settings.application_id)
        # without any offset nobody has begun
        return all(tp in done and done[tp].offset >= came[tp] for tp in raw if came[tp])

    def _of(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in self._partitions]

    async def _at(self, tps: list[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        """Offset of the first record of that time or later; the end where there is none."""
        ends = await self._consumer.end_offsets(tps)
        found = await self._consumer.offsets_for_times(dict.fromkeys(tps, max(at_ms, 0)))
        return {tp: ends[tp] if found.get(tp) is None else found[tp].offset for tp in tps}


def _name(reading: WireReading) -> str:
    tenant, site = reading.tenant_id or DEFAULT_PART, reading.site_id or DEFAULT_PART
    return f"{tenant}/{site}/{reading.asset_id}/{reading.parameter}"
