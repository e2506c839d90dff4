"""The remote radios as points: what they say becomes samples, and what they do not say too. Pure, no I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.modbus.config import DataType
from adapters.xbee.config import XBeeConfig
from adapters.xbee.messages import Data, LineSample, Message, ModemChanged, NodeFound, Radio, RemoteAnswer
from adapters.xbee.nodes import Directory, NodeState
from adapters.xbee.registers import registers_of, values_of
from adapters.xbee.tag import Tag
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, NOT_A_NUMBER, Fault, Point, Received, Sample

IDENTIFIER: Final = "NI"
DISCOVER: Final = "ND"
SIGNAL: Final = "DB"
_RESETS: Final = (0, 1)
_DISASSOCIATED: Final = 3
_MOST_HELD: Final = 64
_MOST_HELD_OF_ONE: Final = 16
_MOST_ASKED: Final = 1000
_MOST_STRANGERS: Final = 256
_REMINDER_S: Final = 30.0
"""How often a radio that stays lost is told again: a device that is partly dead must not look healthy."""


@dataclass(frozen=True, slots=True)
class Request:
    """An AT command that is to be sent: to a remote radio, or to the local one (`address64` None)."""

    command: str
    address64: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """When a message came: by the gateway's clock (µs since the epoch) and by one that never jumps (s)."""

    wall_us: int
    at_s: float


class Network:
    """Feed it every message with `take` and the time with `tick`; fetch `received` and `requests` after each.

    A radio whose name is asked for is waited for: what it sends meanwhile is held, within limits, and told with its own
    times when it turns out to be a node.
    """

    def __init__(self, config: XBeeConfig) -> None:
        self._config = config
        self._nodes = {node.key: NodeState(node, config.silence_of(node)) for node in config.nodes}
        self._directory = Directory(list(self._nodes.values()))
        self._tags: dict[str, list[tuple[Tag, Point]]] = {key: [] for key in self._nodes}
        for tag in config.tags:
            node = config.node_of(tag)
            self._tags[node.key].append((tag, _point(config, tag, tag.asset or node.asset)))
        self._signals: dict[str, Point] = {}
        if config.rssi_interval_s:
            for node in config.nodes:
                self._signals[node.key] = Point(node.rssi_parameter, "dBm", config.report, asset_id=node.asset)
        self._held: dict[Radio, deque[tuple[Data | LineSample, Arrived]]] = {}
        self._asked_s: dict[str, float] = {}
        self._strangers: set[Radio] = set()
        self._reminder_s: dict[str, float] = {}
        self._discovery_s = 0.0
        self._samples: list[Sample] = []
        self._faults: list[Fault] = []
        self._requests: list[Request] = []

    @property
    def points(self) -> Sequence[Point]:
        """The tags, node by node, and the signal strengths."""
        return [*(point for pairs in self._tags.values() for _, point in pairs), *self._signals.values()]

    def begin(self, now_s: float) -> None:
        """The local radio is connected: from now on silence counts."""
        self._discovery_s = now_s
        self._asked_s.clear()
        for node in self._nodes.values():
            node.heard_s, node.lost = now_s, False

    def take(self, message: Message, arrived: Arrived) -> None:
        """A message came."""
        match message:
            case Data() | LineSample():
                self._heard(message, arrived)
            case NodeFound():
                self._found(message)
            case RemoteAnswer(command=command, ok=True) if command == IDENTIFIER:
                self._found(NodeFound(message.radio, message.value.decode("utf-8", "replace").rstrip("\0 ")))
            case RemoteAnswer(command=command) if command == SIGNAL:
                self._signal_answered(message, arrived)
            case ModemChanged(code=code) if code in _RESETS:
                self._fault("device", "the local radio was reset: check its power supply")
            case ModemChanged(code=code) if code == _DISASSOCIATED:
                self._fault("device", "the local radio has left its network: check the coordinator")
            case _:
                pass

    def tick(self, now: Arrived) -> None:
        """Time has passed: nodes are lost, unknown ones asked for."""
        for key, node in self._nodes.items():
            if now.at_s < self._due_s(key, node):
                continue
            node.lost = True
            self._reminder_s[key] = now.at_s + _REMINDER_S
            self._fault("timeout", f"{key} has sent no value for {node.silence_s:g} s: check its power and range")
            points = [point for _, point in self._tags[key]]
            if key in self._signals:
                points.append(self._signals[key])
            self._samples += [Sample(point, None, now.wall_us, None, Quality.BAD, COMM_LOSS) for point in points]
        if self._directory.unresolved and now.at_s >= self._discovery_s:
            self._discovery_s = now.at_s + self._config.discovery_interval_s
            self._requests.append(Request(DISCOVER))

    @property
    def due_s(self) -> float:
        """When `tick` has something to do, unless a message comes before."""
        dues = [self._due_s(key, node) for key, node in self._nodes.items()]
        return min([*dues, self._discovery_s] if self._directory.unresolved else dues)

    def received(self) -> Received:
        """What has come up since it was last asked for."""
        samples, self._samples = self._samples, []
        faults, self._faults = self._faults, []
        return Received(samples, faults=faults)

    def requests(self) -> list[Request]:
        """What is to be sent since it was last asked for."""
        requests, self._requests = self._requests, []
        return requests

    def trouble(self, kind: str, message: str) -> None:
        """Something went wrong on the way from the radios to here."""
        self._fault(kind, message)

    def _due_s(self, key: str, node: NodeState) -> float:
        return self._reminder_s[key] if node.lost else node.lost_at_s

    def _heard(self, message: Data | LineSample, arrived: Arrived) -> None:
        node = self._directory.node_of(message.radio)
        if node is None:
            self._stranger(message, arrived)
            return
        key = node.config.key
        registers = registers_of(message, node.config.layout)
        values = [] if registers is None else list(values_of(registers, self._tags[key]))
        if registers is None or not values:
            what = f"{len(message.payload)} B" if isinstance(message, Data) else "an I/O sample"
            self._fault("protocol", f"{key} sent {what} that no tag reads: check layout, addresses and types")
            return
        time_us = registers.time_us(arrived.wall_us)
        self._samples += [_sample(point, value, arrived.wall_us, time_us) for point, value in values]
        node.heard_s, node.lost = arrived.at_s, False
        self._measure(node, message, arrived)

    def _measure(self, node: NodeState, message: Data | LineSample, arrived: Arrived) -> None:
        """Tell the signal strength, or ask for it now: a radio that sleeps listens when it has just sent."""
        point = self._signals.get(node.config.key)
        if point is None or (node.rssi_s is not None and arrived.at_s < node.rssi_s + self._config.rssi_interval_s):
            return
        node.rssi_s = arrived.at_s
        if message.rssi is not None:
            self._samples.append(Sample(point, message.rssi, arrived.wall_us, arrived.wall_us))
        elif node.address64 is not None:
            self._requests.append(Request(SIGNAL, node.address64))

    def _signal_answered(self, answer: RemoteAnswer, arrived: Arrived) -> None:
        node = self._directory.node_of(answer.radio)
        point = None if node is None else self._signals.get(node.config.key)
        if point is None:
            return
        if answer.ok and answer.value:
            self._samples.append(Sample(point, -answer.value[-1], arrived.wall_us, arrived.wall_us))
        else:
            self._samples.append(Sample(point, None, arrived.wall_us, None, Quality.BAD, COMM_LOSS))

    def _found(self, found: NodeFound) -> None:
        conflict = self._directory.learn(found)
        if conflict is not None:
            self._fault("protocol", f"{conflict}: give one of them another name, or configure it by its address")
        for radio in list(self._held):
            if self._directory.node_of(radio) is None and self._directory.may_be_wanted(radio):
                continue
            for message, arrived in self._held.pop(radio):
                self._heard(message, arrived)

    def _stranger(self, message: Data | LineSample, arrived: Arrived) -> None:
        radio = message.radio
        if self._directory.may_be_wanted(radio):
            if radio in self._held or len(self._held) < _MOST_HELD:
                self._held.setdefault(radio, deque(maxlen=_MOST_HELD_OF_ONE)).append((message, arrived))
                self._ask_name(radio.address64, arrived.at_s)
        elif radio not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(radio)
            name = self._directory.name_of(radio)
            self._fault("unknown_node", f"radio {radio}{f' ({name})' if name else ''} is no node of the configuration")

    def _ask_name(self, address64: str | None, now_s: float) -> None:
        if address64 is None or now_s < self._asked_s.get(address64, now_s):
            return
        if len(self._asked_s) >= _MOST_ASKED:
            self._asked_s.clear()
        self._asked_s[address64] = now_s + self._config.discovery_interval_s
        self._requests.append(Request(IDENTIFIER, address64))

    def _fault(self, kind: str, message: str) -> None:
        self._faults.append(Fault(kind, message))


def _point(config: XBeeConfig, tag: Tag, asset: str | None) -> Point:
    return Point(
        parameter=tag.name,
        asset_id=asset,
        unit=tag.unit,
        report=tag.report if tag.report is not None else config.report,
        event=tag.event,
        is_event=tag.type is DataType.STRING,
    )


def _sample(point: Point, value: bool | int | float | str | None, arrived_us: int, time_us: int | None) -> Sample:
    if value is None:
        return Sample(point, None, arrived_us, time_us, Quality.BAD, NOT_A_NUMBER)
    return Sample(point, value, arrived_us, time_us)
