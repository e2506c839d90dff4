"""What a host application knows of one edge node: its births, the order of its messages, who is dead. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from adapters.mqtt.inbox import Message
from adapters.mqtt.sparkplug.payload import Metric, Payload
from adapters.mqtt.sparkplug.topic import Kind, Source
from adapters.mqtt.sparkplug.types import DataType, MetricError, datatype_of

_SEQ: Final = 256
BD_SEQ: Final = "bdSeq"
_CONTROLS: Final = (BD_SEQ, "Node Control/", "Device Control/")
"""What a host sends or needs for itself; no values of the plant."""


@dataclass(frozen=True, slots=True)
class Told:
    """A value: the metric as it came, with the name, type and unit that its birth gave it."""

    message: Message
    source: Source
    name: str
    type: DataType
    unit: str | None
    metric: Metric
    time_us: int | None


@dataclass(frozen=True, slots=True)
class Gone:
    """The metrics of a source are not to be had any more."""

    source: Source
    names: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A metric, or a message, that cannot be read."""

    message: Message
    why: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """Something was missed: the edge node should tell its birth. `fault`: it should not have happened."""

    source: Source
    why: str
    fault: bool = True


Outcome = Told | Gone | Unread | Lacking


@dataclass(slots=True)
class _Born:
    """What a birth declared."""

    types: dict[str, tuple[DataType, str | None]] = field(default_factory=dict)
    aliases: dict[int, str] = field(default_factory=dict)
    alive: bool = True


@dataclass(slots=True)
class EdgeNode:
    """One edge node and its devices. Feed every message of it in the order of arrival; times are seconds.

    A message that comes too early waits `reorder_s` for those before it (at most `max_early` of them).
    """

    source: Source
    reorder_s: float
    max_early: int
    online: bool = False
    bd_seq: int | None = None
    _next: int | None = None
    _born: dict[str | None, _Born] = field(default_factory=dict)
    _early: dict[int, tuple[Kind, Source, Payload, Message]] = field(default_factory=dict)
    _early_until_s: float | None = None
    _unborn_until_s: dict[str, float] = field(default_factory=dict)

    def step(self, kind: Kind, source: Source, payload: Payload, message: Message, now_s: float) -> Iterator[Outcome]:
        """What follows from one message."""
        if kind is Kind.NBIRTH:
            yield from self._node_born(payload, message, now_s)
        elif kind is Kind.NDEATH:
            yield from self._node_died(payload)
        elif not self.online:
            yield Lacking(self.source, "it was not born yet as far as we know", fault=False)
        elif self._next is None or payload.seq is None or payload.seq == self._next:
            yield from self._in_order(kind, source, payload, message)
            yield from self._released()
        elif (payload.seq - self._next) % _SEQ >= _SEQ // 2:
            yield from self._apply(kind, source, payload, message)
            yield Lacking(self.source, f"seq {payload.seq} came after {(self._next - 1) % _SEQ}")
        else:
            self._early[payload.seq] = (kind, source, payload, message)
            if self._early_until_s is None:
                self._early_until_s = now_s + self.reorder_s
            if len(self._early) > self.max_early:
                yield from self._give_up()

    def due_s(self) -> float | None:
        """When `tick` has something to do."""
        times = [*self._unborn_until_s.values()]
        if self._early_until_s is not None:
            times.append(self._early_until_s)
        return min(times, default=None)

    def tick(self, now_s: float) -> Iterator[Outcome]:
        """What follows from time alone: gaps that nothing has filled, devices that a birth left out."""
        if self._early_until_s is not None and now_s >= self._early_until_s:
            yield from self._give_up()
        for device in [device for device, until_s in self._unborn_until_s.items() if now_s >= until_s]:
            del self._unborn_until_s[device]
            yield from self._device_died(Source(self.source.group, self.source.node, device), "it was not born again")

    def drain(self) -> Iterator[Outcome]:
        """What waits for messages before it, as it stands."""
        if self._early:
            yield from self._give_up()

    def reconnected(self, asks: bool) -> None:
        """Our connection broke: what was told meanwhile is not known. `asks`: a birth is asked for and waited for."""
        self._early.clear()
        self._early_until_s = None
        self._unborn_until_s.clear()
        self._next = None
        self.online = self.online and not asks

    def _node_born(self, payload: Payload, message: Message, now_s: float) -> Iterator[Outcome]:
        self._early.clear()
        self._early_until_s = None
        self._next = None if payload.seq is None else (payload.seq + 1) % _SEQ
        self.bd_seq = _bd_seq(payload)
        self.online = True
        self._unborn_until_s = {
            device: now_s + self.reorder_s for device, born in self._born.items() if device is not None and born.alive
        }
        yield from self._is_born(self.source, payload, message)

    def _node_died(self, payload: Payload) -> Iterator[Outcome]:
        bd_seq = _bd_seq(payload)
        if not self.online:
            return
        if None not in (bd_seq, self.bd_seq) and bd_seq != self.bd_seq:
            # the will of an earlier connection of the node: it lives, or its next birth is on its way
            yield Lacking(self.source, f"a death with bdSeq {bd_seq} after a birth with {self.bd_seq}")
            return
        yield from self.drain()
        self.online = False
        for device, born in self._born.items():
            if born.alive:
                born.alive = False
                yield Gone(Source(self.source.group, self.source.node, device), tuple(born.types), "the edge node died")
        self._unborn_until_s.clear()

    def _device_died(self, source: Source, why: str) -> Iterator[Outcome]:
        born = self._born.get(source.device)
        if born is not None and born.alive:
            born.alive = False
            yield Gone(source, tuple(born.types), why)

    def _in_order(self, kind: Kind, source: Source, payload: Payload, message: Message) -> Iterator[Outcome]:
        if payload.seq is not None:
            self._next = (payload.seq + 1) % _SEQ
        yield from self._apply(kind, source, payload, message)

    def _released(self) -> Iterator[Outcome]:
        while self._next is not None and (early := self._early.pop(self._next, None)) is not None:
            yield from self._in_order(*early)
        if not self._early:
            self._early_until_s = None

    def _give_up(self) -> Iterator[Outcome]:
        """Take what came too early as it stands: values that are there are not thrown away for those that are not."""
        first = self._next or 0
        waiting = sorted(self._early.items(), key=lambda item: (item[0] - first) % _SEQ)
        self._early.clear()
        self._early_until_s = None
        yield Lacking(self.source, f"nothing came between seq {(first - 1) % _SEQ} and {waiting[0][0]}")
        for _, early in waiting:
            yield from self._in_order(*early)

    def _apply(self, kind: Kind, source: Source, payload: Payload, message: Message) -> Iterator[Outcome]:
        if kind is Kind.DBIRTH:
            if source.device is not None:
                self._unborn_until_s.pop(source.device, None)
            yield from self._is_born(source, payload, message)
        elif kind is Kind.DDEATH:
            yield from self._device_died(source, "the device died")
        else:
            yield from self._data(source, payload, message)

    def _is_born(self, source: Source, payload: Payload, message: Message) -> Iterator[Outcome]:
        before = self._born.get(source.device)
        born = self._born[source.device] = _Born()
        told: list[Outcome] = []
        for metric in _of_the_plant(payload.metrics):
            if metric.name is None:
                told.append(Unread(message, "a metric in a birth has no name"))
                continue
            try:
                type_ = datatype_of(metric.datatype or 0)
            except MetricError as error:
                told.append(Unread(message, f"{metric.name}: {error}"))
                continue
            born.types[metric.name] = (type_, metric.unit)
            if metric.alias is not None:
                born.aliases[metric.alias] = metric.name
            # a birth says what is so now, whenever it became so
            time_us = metric.time_us if metric.historical else payload.time_us or metric.time_us
            told.append(Told(message, source, metric.name, type_, metric.unit, metric, time_us))
        missing = tuple(name for name in before.types if name not in born.types) if before and before.alive else ()
        if missing:
            yield Gone(source, missing, "its birth does not name them any more")
        yield from told

    def _data(self, source: Source, payload: Payload, message: Message) -> Iterator[Outcome]:
        born = self._born.get(source.device)
        if born is None or not born.alive:
            yield Lacking(self.source, f"{source} tells values and was not born", fault=born is not None)
            return
        for metric in _of_the_plant(payload.metrics):
            name = metric.name
            if name is None and metric.alias is not None:
                name = born.aliases.get(metric.alias)
            if name is None or name not in born.types:
                what = name or f"alias {metric.alias}"
                yield Lacking(self.source, f"{source} tells {what}, which its birth does not name")
                continue
            type_, unit = born.types[name]
            yield Told(message, source, name, type_, metric.unit or unit, metric, metric.time_us or payload.time_us)


def _bd_seq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if (
            metric.name == BD_SEQ
            and metric.raw is not None
            and metric.raw.WhichOneof("value") in ("long_value", "int_value")
        ):
            return int(getattr(metric.raw, metric.raw.WhichOneof("value")))
    return None


def _of_the_plant(metrics: Iterable[Metric]) -> Iterator[Metric]:
    return (metric for metric in metrics if not (metric.name or "").startswith(_CONTROLS))
