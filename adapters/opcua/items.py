"""The tags as they live on one connection, and the samples that their values become. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from asyncua import ua

from adapters.opcua.config import DeviceTime, Mode, OpcUaConfig, Tag
from adapters.opcua.nodes import NodeName
from adapters.opcua.status import overflowed, quality
from adapters.opcua.types import TypeBook, UnknownTypeError
from adapters.opcua.values import NO_VALUE, Leaf, leaves
from adapters.opcua.wire import DOUBLE, DataValue, Node, WireError
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, NOT_A_NUMBER, Fault, Point, Sample

UNREADABLE: Final = "unreadable_value"
UNKNOWN_TYPE: Final = "unknown_type"
_REPEAT_S: Final = 50.0
"""A fault that lasts is told again before health, which looks back a minute, forgets it."""
_NAMED: Final = 5
_OLD_US: Final = 5_000_000
"""A source time that lags this far behind the server is of a value that has not changed lately. Less than that is no
skew to anyone downstream, and may be the way from the source to the server."""


@dataclass(slots=True)
class Item:
    """One tag. `node` None: not found on the server yet.

    `last_us` is the newest source time that came, `told_us` the device time that was told last (history apart).
    `confirms`: the next value is the first of a connection. `is_parted`: an array or a structure, whose parts
    are known when they have been seen (`part_points`).
    """

    tag: Tag
    name: NodeName
    point: Point
    text_point: Point
    node: ua.NodeId | None = None
    data_type: Node | None = None
    has_history: bool = False
    enum: Mapping[int, str] | None = None
    last_us: int | None = None
    told_us: int = 0
    confirms: bool = True
    is_text: bool = False
    is_parted: bool = False
    part_points: dict[str, tuple[Point, Point]] = field(default_factory=dict)
    key: str = field(init=False)
    path: str | None = field(init=False)

    def __post_init__(self) -> None:
        # the tag makes them anew each time, and they are wanted with every value
        self.key, self.path = self.tag.key, self.tag.path

    def points_of(self, path: str) -> tuple[Point, Point]:
        """The points, for a number and for text, of the part of the value at `path`."""
        if not path:
            return self.point, self.text_point
        points = self.part_points.get(path)
        if points is None:
            name = (self.tag.name + path)[:128]
            points = replace(self.point, parameter=name), replace(self.text_point, parameter=name)
            self.part_points[path] = points
        return points

    @property
    def is_plain(self) -> bool:
        """Whether a number is told just as it comes."""
        return self.enum is None and self.path is None

    @property
    def points(self) -> list[Point]:
        """What is known to be offered."""
        if self.part_points:
            return [number for number, _ in self.part_points.values()]
        if self.is_parted and self.path is None:
            return []
        return [self.text_point if self.is_text else self.point]


Told = tuple[Item, int, DataValue, int | None]
"""What `SampleMaker.make` takes."""


def items_of(config: OpcUaConfig) -> list[Item]:
    """The tags of a configuration, not yet looked for."""
    made: list[Item] = []
    for tag in config.tags:
        report = tag.report if tag.report is not None else config.report
        point = Point(tag.name, tag.unit, report, tag.event, asset_id=tag.asset)
        text = Point(tag.name, None, report, is_event=True, asset_id=tag.asset)
        made.append(Item(tag, config.node(tag.node), point, text, is_text=tag.text))
    return made


class SampleMaker:
    """Makes samples. `book` is the server's; after an UnknownTypeError was noted in `unknown`, learn and make again."""

    def __init__(self, config: OpcUaConfig, book: TypeBook, troubles: Troubles) -> None:
        self._max_parts = config.max_parts
        self._device_time = config.device_time
        self._polled = config.mode is Mode.POLL
        self._book = book
        self._troubles = troubles
        self.unknown: set[Node] = set()

    def make(
        self, item: Item, now_us: int, data: DataValue, said_us: int | None = None, *, historical: bool = False
    ) -> list[Sample]:
        """The samples of one value that was received at `now_us`; its faults are noted.

        `said_us` is the server's clock when it told so: not every server times a value anew that it reads again.
        """
        grade, reason = quality(data.status)
        device_us = self._device_us(item, data, said_us, historical)
        value = data.value
        key = item.key
        trouble = reason if grade is Quality.BAD else None
        if grade is Quality.BAD:
            samples = [Sample(point, None, now_us, device_us, grade, reason, historical) for point in _numbers(item)]
        elif 0 < data.type <= DOUBLE and item.is_plain and isinstance(value, float | int):
            # what nearly every value is: a number, as it is
            if type(value) is float and not math.isfinite(value):
                value, grade, reason = None, Quality.BAD, NOT_A_NUMBER
            samples = [Sample(item.point, value, now_us, device_us, grade, reason, historical)]
        else:
            parts, trouble = self._parts(item, data)
            samples = [
                sample
                for leaf in parts
                for sample in _samples(item, leaf, now_us, device_us, grade, reason, historical)
            ]
        if not historical:
            self._troubles.note(key, trouble)
            if overflowed(data.status):
                self._troubles.lost(key)
        return samples

    def _parts(self, item: Item, data: DataValue) -> tuple[list[Leaf], str | None]:
        """The leaves that are told, and what is wrong with them."""
        try:
            parts = leaves(data.value, data.type, self._book, self._max_parts + 1)
        except (UnknownTypeError, WireError) as error:
            why = UNREADABLE
            if isinstance(error, UnknownTypeError):
                self.unknown.add(error.encoding)
                why = UNKNOWN_TYPE
            known = [Leaf(path, None, reason=why) for path in item.part_points]
            return known or [Leaf("", None, reason=why)], why
        path = item.path
        if path is None:
            return parts[: self._max_parts], "more_than_max_parts" if len(parts) > self._max_parts else None
        chosen = [leaf._replace(path=leaf.path.removeprefix(path)) for leaf in parts if _is_under(leaf.path, path)]
        if chosen:
            return chosen, None
        return [Leaf("", None, reason=NO_VALUE)], f"no part {path.removeprefix('.')}"

    def _device_us(self, item: Item, data: DataValue, said_us: int | None, historical: bool) -> int | None:
        own_us = data.source_us
        if own_us is None or (self._device_time is DeviceTime.SERVER and not historical):
            own_us = data.server_us
        if own_us is None:
            return said_us
        last_us = item.last_us
        if last_us is None or own_us > last_us:
            item.last_us = own_us
        if historical:
            return own_us
        confirms, item.confirms = item.confirms, False
        if self._shows_when(item, own_us, last_us, confirms, data.server_us, said_us):
            device_us = own_us
        else:
            # that the value is so is news of the moment when the server says it
            device_us = max(own_us, data.server_us or 0, said_us or 0)
        item.told_us = device_us
        return device_us

    def _shows_when(
        self, item: Item, own_us: int, last_us: int | None, confirms: bool, server_us: int | None, said_us: int | None
    ) -> bool:
        """Whether the value's own time is the device time: it tells when the value became so, not that it still is."""
        if last_us is not None and own_us <= last_us:
            # unchanged: not after a loss, which would last until the next change, and not when it was asked for
            return not confirms and (self._device_time is DeviceTime.SOURCE or not self._polled)
        if self._device_time is DeviceTime.SOURCE:
            return True
        if last_us is None:
            return max(server_us or 0, said_us or 0) - own_us <= _OLD_US
        # a series does not step back because the source's clock is behind the server's
        return own_us > item.told_us


def _samples(
    item: Item, leaf: Leaf, now_us: int, device_us: int | None, grade: Quality, reason: str | None, historical: bool
) -> list[Sample]:
    number, text = item.points_of(leaf.path)
    if leaf.reason is not None:
        if item.is_text:
            return []
        return [Sample(number, None, now_us, device_us, Quality.BAD, leaf.reason, historical)]
    if leaf.is_text:
        if not leaf.path:
            item.is_text = True
        return [Sample(text, leaf.value, now_us, device_us, grade, reason, historical)]
    word = None
    if item.enum is not None and isinstance(leaf.value, int):
        word = item.enum.get(leaf.value)
        # the word is the event; the number would be a second one of the same change
        number = replace(number, event=False) if word is not None and number.event else number
    samples = [Sample(number, leaf.value, now_us, device_us, grade, reason, historical)]
    if word is not None:
        samples.append(Sample(text, word, now_us, device_us, grade, reason, historical))
    return samples


def _numbers(item: Item) -> Sequence[Point]:
    if item.part_points:
        return [number for number, _ in item.part_points.values()]
    return () if item.is_text else (item.point,)


def _is_under(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(wanted + ".")


class Troubles:
    """Nodes that are BAD: told together, when one is added and now and then while they last; not at every value."""

    def __init__(self, where: str, clock_s: Callable[[], float]) -> None:
        self._where = where
        self._clock_s = clock_s
        self._reasons: dict[str, str] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._due_s: dict[str, float] = {}
        self._lost: dict[str, None] = {}
        self._others: list[Fault] = []

    def note(self, key: str, reason: str | None) -> None:
        """The node of a tag is BAD for this reason, or (None) not."""
        before = self._reasons.get(key)
        if before == reason:
            return
        if before is not None:
            self._members[before].pop(key, None)
        if reason is None:
            del self._reasons[key]
            return
        self._reasons[key] = reason
        self._members.setdefault(reason, {})[key] = None
        self._due_s[reason] = 0.0

    def lost(self, key: str) -> None:
        """The server dropped values of a tag, because its queue was full."""
        self._lost[key] = None

    def add(self, fault: Fault) -> None:
        """Something else."""
        self._others.append(fault)

    def take(self) -> list[Fault]:
        """What is to be told now."""
        faults, self._others = self._others, []
        if self._lost:
            names, self._lost = self._lost, {}
            faults.append(
                Fault(
                    "overflow",
                    f"{self._where} dropped values of {_named(names)}: raise queue_size, or sample less often",
                )
            )
        if self._reasons:
            now_s = self._clock_s()
            for reason, members in self._members.items():
                if members and now_s >= self._due_s[reason]:
                    self._due_s[reason] = now_s + _REPEAT_S
                    what = "has no connection to" if reason == COMM_LOSS else f"gives {reason} for"
                    faults.append(Fault("device", f"{self._where} {what} {_named(members)}"))
        return faults


def _named(names: Mapping[str, None]) -> str:
    shown = ", ".join(list(names)[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
