"""The OPC UA adapter: one server, polled or subscribed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from asyncua import ua

from adapters.opcua.alarms import Conditions
from adapters.opcua.browse import walk
from adapters.opcua.config import Mode, OpcUaConfig
from adapters.opcua.connection import Connection
from adapters.opcua.directory import Directory
from adapters.opcua.history import Gap
from adapters.opcua.intake import Batch, Intake
from adapters.opcua.items import Item, SampleMaker, Told, Troubles, items_of
from adapters.opcua.listener import Listener
from adapters.opcua.type_loader import TypeLoader
from adapters.opcua.types import TypeBook
from adapters.opcua.wire import (
    BYTE_STRING,
    DATE_TIME,
    GUID,
    LOCALIZED_TEXT,
    STRING,
    XML_ELEMENT,
    DataValue,
    Node,
)
from ironstream.gateway.adapter import DeviceAlarm, DeviceConnectionError, Offer, Point, Polled, Received, Sample

_MISSING: Final = DataValue(None, 0, int(ua.StatusCodes.BadNodeIdUnknown), None, None)


_TEXTS = frozenset(
    Node(0, number) for number in (STRING, DATE_TIME, GUID, BYTE_STRING, XML_ELEMENT, LOCALIZED_TEXT, 294)
)
"""Data types whose values are text (294: UtcTime)."""


class OpcUaAdapter(Polled):
    """What both modes share. No I/O before `connect`; `wall_us` gives the gateway's time (µs since the epoch)."""

    def __init__(self, config: OpcUaConfig, *, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._config = config
        self._wall_us = wall_us
        self._items = items_of(config)
        self._troubles = Troubles(config.where, time.monotonic)
        self._connection = Connection(config)
        self._directory = Directory(self._connection, config)
        self._learn(TypeBook())

    @property
    def points(self) -> Sequence[Point]:
        """The tags, in the order of the configuration; parts of arrays and structures as far as they were seen."""
        return [point for item in self._items for point in item.points]

    async def connect(self) -> None:
        """Connect and find the nodes. Raises AdapterError."""
        await self.close()
        await self._connection.open()
        self._directory = Directory(self._connection, self._config)
        # another server may answer now, or this one with other types: nothing learned of it stays
        self._learn(TypeBook())
        await self._directory.load()
        await self._locate(self._items)
        for item in self._items:
            item.confirms = True

    async def close(self) -> None:
        """Close the session; may be repeated."""
        await self._connection.close()

    def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        """The variables of the connected server below Objects whose path matches. Raises AdapterError."""
        return walk(self._directory, pattern)

    async def _locate(self, items: Sequence[Item]) -> None:
        await self._directory.locate(items)
        await self._loader.learn(item.data_type for item in items if item.data_type is not None)
        for item in items:
            if item.data_type is not None:
                item.enum = self._book.enums.get(item.data_type)
                item.is_parted = item.is_parted or item.data_type in self._book.by_type
                item.is_text = item.tag.text or (item.data_type in _TEXTS and not item.is_parted)

    def _learn(self, book: TypeBook) -> None:
        self._book = book
        self._loader = TypeLoader(self._directory, book)
        self._maker = SampleMaker(self._config, book, self._troubles)

    async def _samples(self, values: Sequence[Told]) -> list[Sample]:
        """The samples of these values; types that are not known yet are asked for, once."""
        make = self._maker.make
        samples = [sample for told in values for sample in make(*told)]
        if self._maker.unknown:
            unknown, self._maker.unknown = self._maker.unknown, set()
            before = len(self._book.by_type)
            await self._loader.learn_encodings(unknown)
            if len(self._book.by_type) > before:
                samples = [sample for told in values for sample in make(*told)]
            self._maker.unknown.clear()
        return samples


class OpcUaPoller(OpcUaAdapter):
    """Reads every node on the gateway's grid."""

    def __init__(self, config: OpcUaConfig, *, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        super().__init__(config, wall_us=wall_us)
        self._probe_s = 0.0

    async def read(self) -> Received:
        """Every tag once, each with its own status; a node that is not there is BAD and looked for again later."""
        missing = [item for item in self._items if item.node is None]
        if missing and time.monotonic() >= self._probe_s:
            self._probe_s = time.monotonic() + self._config.probe_interval_s
            await self._locate(missing)
        there = [(item, item.node) for item in self._items if item.node is not None]
        wanted = [(node, ua.AttributeIds.Value) for _, node in there]
        found = await self._directory.read_timed(wanted)
        now_us = self._wall_us()
        values = {item.key: answer for (item, _), answer in zip(there, found, strict=True)}
        missing_value = (_MISSING, None)
        told = [(item, now_us, *values.get(item.key, missing_value)) for item in self._items]
        samples = await self._samples(told)
        return Received(samples, faults=self._troubles.take())


class OpcUaSubscriber(OpcUaAdapter):
    """Takes what the server sends, alarms too, and after a loss fetches from its history what went by."""

    paced = False

    def __init__(self, config: OpcUaConfig, *, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        super().__init__(config, wall_us=wall_us)
        self._conditions = [Conditions(source) for source in config.alarms]
        self._listener: Listener | None = None
        self._intake = Intake(config.max_waiting)
        self._gap: Gap | None = None
        self._refresh = False
        self._samples_made: list[Sample] = []
        self._alarms_made: list[DeviceAlarm] = []

    async def connect(self) -> None:
        """Connect, find the nodes, subscribe, and see what went by since the last value. Raises AdapterError."""
        await super().connect()
        self._intake = Intake(self._config.max_waiting)
        self._listener = Listener(
            self._connection, self._directory, self._config, self._items, self._troubles, self._intake, self._wall_us
        )
        await self._listener.open()
        self._gap = await self._find_gap()

    async def read(self) -> Received:
        """What has come: first what history has of the time of a loss, and of those nodes what is new after it."""
        listener = self._listener
        if listener is None:
            raise DeviceConnectionError(f"{self._config.where} is not connected", "connect first")
        if self._refresh:
            await listener.refresh()
            self._refresh = False
        gap = self._gap
        if gap:
            self._samples_made += await gap.step(self._wall_us())
            now, later = self._parted(self._intake.take(), gap)
            self._intake.put_back(later)
        else:
            await self._intake.wait()
            now = self._intake.take()
        try:
            self._samples_made += await self._samples(self._changes(now))
        except BaseException:
            # cancelled, or the connection broke, while a type was asked for: nothing that came is lost by that
            self._intake.put_back(now)
            raise
        self._take_events(now)
        return self._made()

    def pending(self) -> Received:
        """What has come and was not read."""
        if self._listener is not None:
            batches = self._intake.take()
            for told in self._changes(batches):
                self._samples_made += self._maker.make(*told)
            self._take_events(batches)
        return self._made()

    async def close(self) -> None:
        """End the subscription and the session; may be repeated."""
        if self._listener is not None:
            await self._listener.close()
        await super().close()

    async def _find_gap(self) -> Gap | None:
        told = {
            handle
            for handle, item in enumerate(self._items)
            if item.has_history and item.last_us is not None and item.node is not None
        }
        if not self._config.history or not told:
            return None
        gap = Gap(self._connection, self._config, self._directory.limits, self._maker, self._troubles)
        now_us = self._wall_us()
        first_us = await self._intake.first_values(told, self._config.heartbeat_timeout_s)
        for handle in told:
            gap.add(self._items[handle], first_us.get(handle, now_us), now_us)
        return gap

    def _parted(self, batches: list[Batch], gap: Gap) -> tuple[list[Batch], list[Batch]]:
        """What may be told now, and what must wait until the history before it was told."""
        now: list[Batch] = []
        later: list[Batch] = []
        waiting = {handle for handle, item in enumerate(self._items) if gap.holds(item)}
        for batch in batches:
            held = [change for change in batch.changes if change.handle in waiting]
            free = [change for change in batch.changes if change.handle not in waiting] if held else batch.changes
            now.append(batch._replace(changes=free))
            if held:
                later.append(batch._replace(changes=held, events=[]))
        return now, later

    def _changes(self, batches: Sequence[Batch]) -> list[Told]:
        items, count = self._items, len(self._items)
        return [
            (items[change.handle], batch.time_us, change.value, batch.server_us)
            for batch in batches
            for change in batch.changes
            if change.handle < count
        ]

    def _take_events(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            for event in batch.events:
                place = event.handle - len(self._items)
                if 0 <= place < len(self._conditions):
                    outcome = self._conditions[place].take(event.fields, batch.time_us)
                    self._alarms_made += outcome.alarms
                    self._samples_made += outcome.samples
                    self._refresh = self._refresh or outcome.refresh

    def _made(self) -> Received:
        samples, self._samples_made = self._samples_made, []
        alarms, self._alarms_made = self._alarms_made, []
        return Received(samples, alarms, self._troubles.take())


def opcua(config: OpcUaConfig) -> OpcUaPoller | OpcUaSubscriber:
    """The adapter of one server; no I/O yet."""
    return OpcUaPoller(config) if config.mode is Mode.POLL else OpcUaSubscriber(config)
