"""What is on screen, live: one consumer for all clients, over the partitions of the assets that they show."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.contract import CONTROL_KEY, AlarmTransition, SeriesId, Topic
from ironstream.domain.times import to_iso
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topics import topic_names
from ironstream.web.alarm_index import Told
from ironstream.web.contact import Contact
from ironstream.web.subscriptions import Subscription, Subscriptions
from ironstream.web.telemetry_records import Shown, reading_of, transition_of, window_of

_POLL_MS: Final = 100
_AT_ONCE: Final = 1000
_REMEMBERED: Final = 20_000
"""Last readings of series that are, or were, on a screen."""


@dataclass(frozen=True, slots=True)
class _Again:
    """Up to which offset a partition is read again, and for which assets alone."""

    until: int
    keys: frozenset[bytes]


_NOTHING: Final = _Again(0, frozenset())


class Live:
    """Follows alarms.clean, and of telemetry.clean and the aggregates the partitions of what is asked for.

    Records of other assets in these partitions are passed over by their key, undecoded. An asset that is asked for anew
    is told of from `since_ms` on (ms since the epoch): what came last may not be in the tables yet.

    `tell` takes each entry of the alarms' journal and gives the alarm as it is then; `partition_of` is that of an
    asset's key; `sizes_s` are those of the windows, `skew_us` says how far the clocks of a series may be apart.
    """

    def __init__(
        self,
        settings: Settings,
        schemas: Schemas,
        tell: Callable[[AlarmTransition], Told | None],
        partition_of: Callable[[bytes], int],
        partitions: Callable[[], int],
        sizes_s: Callable[[], Iterable[int]],
        skew_us: Callable[[SeriesId], int],
        since_ms: Callable[[], float],
    ) -> None:
        self.contact = Contact()
        self.subscriptions = Subscriptions()
        self._settings = settings
        self._schemas = schemas
        self._tell = tell
        self._partition_of = partition_of
        self._partitions = partitions
        self._sizes_s = sizes_s
        self._skew_us = skew_us
        self._since_ms = since_ms
        self._last: OrderedDict[SeriesId, Shown] = OrderedDict()
        self._places: dict[TopicPartition, int] = {}
        self._keys: frozenset[bytes] = frozenset()
        self._again: dict[TopicPartition, _Again] = {}

    def last(self, series: SeriesId) -> Shown | None:
        """The newest reading of a series that was on a screen lately."""
        return self._last.get(series)

    def remember(self, reading: Shown) -> None:
        """Keep a reading that was read elsewhere, unless a newer one is known."""
        known = self._last.get(reading.series)
        # a device whose clock was ahead and is right again goes on; what a gateway sends late does not come in between
        if known is None or known.as_of_us <= reading.as_of_us:
            self._last[reading.series] = reading
            self._last.move_to_end(reading.series)
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def event_of(self, reading: Shown) -> dict[str, Any]:
        """A reading as clients get it: the one with the latest `as_of` is the newest, and ages from `aged_from` on."""
        return {
            "series": str(reading.series),
            "value": reading.value,
            "unit": reading.unit,
            "quality": reading.quality,
            "reasons": reading.reasons,
            "time": reading.time,
            "kafka_time": reading.kafka_time,
            "as_of": to_iso(reading.as_of_us),
            "aged_from": to_iso(reading.aged_from_us(self._skew_us(reading.series))),
        }

    async def follow(self) -> None:
        """Follow for ever. Run as a task once the topics are there."""
        await self.contact.keep(self._follow, "what is on screens")

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client_kwargs(),
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=_POLL_MS,
        )
        await consumer.start()
        try:
            assigned = None
            while True:
                wanted = self.subscriptions.version, tuple(self._sizes_s())
                if wanted != assigned:
                    await self._assign(consumer)
                    self.contact.heard()
                    assigned = wanted
                fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
                for tp, records in fetched.items():
                    self._take(tp, records)
                if fetched:
                    self.contact.heard()
                # a fetch that is answered from the buffer does not let others run
                await asyncio.sleep(0)
        finally:
            await consumer.stop()

    async def _assign(self, consumer: Any) -> None:
        """Take the partitions that are wanted: they go on where they were, but for assets that were not wanted before a
        little is read again; those that were not followed begin there, or now.
        """
        topic = self._settings.topic
        keys = frozenset(self.subscriptions.of_series)
        wanted = {TopicPartition(topic(Topic.ALARMS_CLEAN), number) for number in range(self._partitions())}
        partitions = set(map(self._partition_of, keys))
        if partitions:
            names = {topic(Topic.TELEMETRY_CLEAN), *(topic(Topic.aggregates(size_s)) for size_s in self._sizes_s())}
            names &= await topic_names(self._settings.kafka_client_kwargs())
            wanted |= {TopicPartition(name, number) for name in names for number in partitions}
        unknown = [tp for tp in wanted if tp not in self._places]
        ends = await consumer.end_offsets(unknown) if unknown else {}
        self._places = {tp: self._places[tp] if tp in self._places else ends[tp] for tp in wanted}
        self._again = {tp: again for tp, again in self._again.items() if tp in wanted}
        await self._look_back(consumer, keys - self._keys)
        self._keys = keys
        consumer.assign(list(wanted))
        for tp, offset in self._places.items():
            consumer.seek(tp, offset)

    async def _look_back(self, consumer: Any, keys: frozenset[bytes]) -> None:
        """Have the partitions of these assets read from where their pages may lack something."""
        numbers, alarms = set(map(self._partition_of, keys)), self._settings.topic(Topic.ALARMS_CLEAN)
        theirs = [tp for tp in self._places if tp.topic != alarms and tp.partition in numbers]
        if not theirs:
            return
        since = await consumer.offsets_for_times(dict.fromkeys(theirs, max(0, int(self._since_ms()))))
        for tp, found in since.items():
            before, place = self._again.get(tp), self._places[tp]
            if found is not None and found.offset < place:
                until = place if before is None else before.until
                self._again[tp] = _Again(until, keys if before is None else keys | before.keys)
                self._places[tp] = found.offset

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        again = self._again.get(tp, _NOTHING)
        self._places[tp] = records[-1].offset + 1
        if self._places[tp] >= again.until:
            self._again.pop(tp, None)
        name = tp.topic.removeprefix(self._settings.topic_prefix)
        if name == Topic.ALARMS_CLEAN:
            take = self._alarm
        else:
            take = self._reading if name == Topic.TELEMETRY_CLEAN else self._window
        wanted = None if name == Topic.ALARMS_CLEAN else self.subscriptions.of_series
        for record in records:
            if record.offset < again.until and record.key not in again.keys:
                continue
            if record.key != CONTROL_KEY and (wanted is None or record.key in wanted):
                with suppress(DecodeError):
                    take(record)

    def _reading(self, record: Any) -> None:
        reading = reading_of(record.value, self._schemas)
        self.remember(reading)
        for subscription in self._who(record.key, reading.series):
            subscription.put("reading", self.event_of(reading))

    def _window(self, record: Any) -> None:
        window = window_of(record.value)
        for subscription in self._who(record.key, window.series):
            subscription.put(
                "window",
                {
                    "series": str(window.series),
                    "size_s": window.size_s,
                    "start": window.start,
                    "end": window.end,
                    "revision": window.revision,
                    **window.values,
                    "quality": window.quality,
                },
            )

    def _alarm(self, record: Any) -> None:
        told = self._tell(transition_of(record.value))
        if told is None:
            return
        for subscription in self.subscriptions.all:
            if subscription.alarms is not None and subscription.alarms(told.tenant_id):
                subscription.put("alarm", told)

    def _who(self, key: bytes, series: SeriesId) -> Iterable[Subscription]:
        return self.subscriptions.of_series.get(key, {}).get(series, ())
