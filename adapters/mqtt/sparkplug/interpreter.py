"""What messages of Sparkplug B mean: births, data and deaths to samples, gaps to requests for a birth. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.harvest import Harvest
from adapters.mqtt.identity import IdentityError, PointBook, Series, as_part, as_written, rendered
from adapters.mqtt.inbox import Message
from adapters.mqtt.link import Publication, Subscription
from adapters.mqtt.rules import Tag
from adapters.mqtt.silence import SilenceWatch
from adapters.mqtt.sparkplug.config import SparkplugConfig
from adapters.mqtt.sparkplug.node import EdgeNode, Gone, Lacking, Outcome, Told, Unread
from adapters.mqtt.sparkplug.payload import SparkplugError, decode_payload, rebirth_request, single_values
from adapters.mqtt.sparkplug.topic import NAMESPACE, Kind, Source, command_topic, parse_topic, state_topic
from adapters.mqtt.sparkplug.types import DataType, MetricError, Value
from adapters.mqtt.topics import sample_of
from adapters.mqtt.values import UnfitValueError, ValueType, from_json, scaled
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, Fault, Point, Sample

_QUALITIES: Final[Mapping[int | None, tuple[Quality, str | None]]] = {
    0: (Quality.BAD, "device_bad"),
    192: (Quality.GOOD, None),
    500: (Quality.UNCERTAIN, "device_stale"),
}


class SparkplugInterpreter:
    """A host application of Sparkplug B. An `Interpreter`."""

    def __init__(self, config: MqttConfig, sparkplug: SparkplugConfig) -> None:
        self._config = config
        self._sparkplug = sparkplug
        self._book = PointBook(config.max_points)
        self._tags: dict[tuple[str, str], tuple[Tag, Point]] = {}
        self._nodes: dict[tuple[str, str], EdgeNode] = {}
        self._points: dict[tuple[Source, str], dict[str, Point]] = {}
        self._asked_s: dict[tuple[str, str], float] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._silence = SilenceWatch()
        self._state_time_ms = 0
        for tag in config.tags:
            series = Series(tag.name, tag.asset, tag.site, tag.tenant, f"{tag.topic} {tag.metric}")
            point = self._book.find(series, lambda tag=tag: self._point_of(tag))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            self._tags[tag.topic, tag.metric or ""] = (tag, point)

    @property
    def points(self) -> Sequence[Point]:
        """See `Interpreter`."""
        return self._book.points

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """See `Interpreter`."""
        groups = self._sparkplug.groups or ("+",)
        kinds = ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA")
        asked = [
            Subscription(f"{NAMESPACE}/{group}/{kind}/+{'/+' if kind.startswith('D') else ''}", 1)
            for group in groups
            for kind in kinds
        ]
        host_id = self._sparkplug.host_id
        return asked if host_id is None else [*asked, Subscription(state_topic(host_id), 1)]

    def will(self, now_us: int) -> tuple[Publication, Publication] | None:
        """See `Interpreter`: whether the primary host is there, with one time in both, as edge nodes compare them."""
        if self._sparkplug.host_id is None:
            return None
        self._state_time_ms = now_us // 1000
        return self._state(online=False), self._state(online=True)

    def connected(self, now_s: float, now_us: int) -> list[Publication]:
        """See `Interpreter`: edge nodes that are known are asked for what was missed."""
        for node in self._nodes.values():
            node.reconnected(self._sparkplug.rebirth)
        if self._sparkplug.rebirth:
            self._wanted |= self._nodes.keys()
        self._asked_s.clear()
        if self._silence.due_s() is None:
            for tag, point in self._tags.values():
                if tag.silence_s:
                    self._silence.heard(point, tag.silence_s, f"{tag.topic} {tag.metric}", now_s)
        self._silence.restart(now_s)
        return self._requests(now_s, now_us)

    def interpret(self, message: Message, into: Harvest, now_s: float) -> None:
        """See `Interpreter`."""
        parsed = parse_topic(message.topic)
        if parsed is None:
            self._other(message, into)
            return
        if message.retained:
            # births and data are never retained by the specification: a kept one is of nobody knows when
            into.note(message, "a retained message of Sparkplug is not read")
            return
        kind, source = parsed
        try:
            payload = decode_payload(message.payload)
        except SparkplugError as error:
            into.refuse(message, str(error))
            return
        key = (source.group, source.node)
        node = self._nodes.get(key)
        if node is None:
            if len(self._nodes) >= self._config.max_points:
                into.refuse(message, f"more than {self._config.max_points} edge nodes")
                return
            node = self._nodes[key] = EdgeNode(
                Source(*key), self._sparkplug.reorder_timeout_s, self._sparkplug.max_reorder
            )
        if kind is Kind.NBIRTH:
            self._wanted.discard(key)
        self._take(node.step(kind, source, payload, message, now_s), into, now_s, message.received_us)
        into.publications += self._requests(now_s, message.received_us)

    def due_s(self) -> float | None:
        """See `Interpreter`."""
        times = [node.due_s() for node in self._nodes.values()] + [self._silence.due_s()]
        times += [
            self._asked_s[key] + self._sparkplug.rebirth_interval_s for key in self._wanted & self._asked_s.keys()
        ]
        return min((time_s for time_s in times if time_s is not None), default=None)

    def tick(self, into: Harvest, now_s: float, now_us: int) -> None:
        """See `Interpreter`."""
        for node in self._nodes.values():
            self._take(node.tick(now_s), into, now_s, now_us)
        for silent in self._silence.expired(now_s):
            into.samples.append(_lost(silent.point, now_us))
            into.faults.append(Fault("timeout", f"{silent.source}: nothing was heard for {silent.silence_s:g} s"))
        into.publications += self._requests(now_s, now_us)

    def drain(self, into: Harvest, now_s: float, now_us: int) -> None:
        """See `Interpreter`: what came too early is taken as it stands."""
        for node in self._nodes.values():
            self._take(node.drain(), into, now_s, now_us)

    def _take(self, outcomes: Iterable[Outcome], into: Harvest, now_s: float, now_us: int) -> None:
        unread: dict[int, tuple[Message, list[str]]] = {}
        for outcome in outcomes:
            match outcome:
                case Told():
                    try:
                        self._told(outcome, into, now_s)
                    except (MetricError, IdentityError, UnfitValueError) as error:
                        faults = unread.setdefault(id(outcome.message), (outcome.message, []))[1]
                        faults.append(f"{outcome.name}: {error}")
                case Unread():
                    unread.setdefault(id(outcome.message), (outcome.message, []))[1].append(outcome.why)
                case Gone():
                    self._gone(outcome, into, now_us)
                case Lacking():
                    self._wanted.add((outcome.source.group, outcome.source.node))
                    if outcome.fault:
                        into.faults.append(Fault("protocol", f"{outcome.source}: {outcome.why}"))
        for message, faults in unread.values():
            into.refuse(message, "; ".join(faults[:5]))

    def _told(self, told: Told, into: Harvest, now_s: float) -> None:
        tag_point = self._tags.get((str(told.source), told.name))
        if tag_point is None and self._sparkplug.only_tags:
            return
        for suffix, type_, value in single_values(told.metric, told.type):
            if tag_point is not None and not suffix:
                tag, point = tag_point
                value = self._as_tagged(tag, value)
                if tag.silence_s:
                    self._silence.heard(point, tag.silence_s, f"{tag.topic} {tag.metric}", now_s)
                self._points.setdefault((told.source, told.name), {})[""] = point
            else:
                point = self._point(told, suffix, type_)
            quality, reason = _QUALITIES.get(told.metric.quality, (Quality.GOOD, None))
            into.samples.append(
                sample_of(
                    told.message,
                    point,
                    value,
                    told.time_us,
                    quality=quality,
                    reason=reason,
                    historical=told.metric.historical,
                )
            )

    def _as_tagged(self, tag: Tag, value: Value | None) -> Value | None:
        fit = from_json(value, tag.type)
        if isinstance(fit, int | float) and not isinstance(fit, bool):
            return scaled(fit, tag.scale, tag.offset)
        return fit

    def _point(self, told: Told, suffix: str, type_: DataType) -> Point:
        known = self._points.setdefault((told.source, told.name), {})
        if (point := known.get(suffix)) is None:
            name = f"{told.name}/{suffix}" if suffix else told.name
            series = self._series(told.source, name)
            point = known[suffix] = self._book.find(
                series,
                lambda: Point(
                    series.parameter,
                    unit=told.unit,
                    report=self._config.report,
                    event=type_ is DataType.BOOLEAN,
                    is_event=type_.is_text,
                    asset_id=series.asset_id,
                    site_id=series.site_id,
                    tenant_id=series.tenant_id,
                ),
            )
        if (point.unit, point.is_event) != (told.unit, type_.is_text):
            # a new birth may change what a metric is
            point = known[suffix] = replace(
                point, unit=told.unit, is_event=type_.is_text, event=type_ is DataType.BOOLEAN
            )
        return point

    def _series(self, source: Source, name: str) -> Series:
        config = self._sparkplug
        names = {"group": source.group, "node": source.node, "device": source.device or "", "metric": name}
        asset = config.node_asset if source.device is None else config.asset
        return Series(
            as_part(rendered(config.parameter, names)),
            as_part(rendered(asset, names)),
            None if config.site is None else as_part(rendered(config.site, names)),
            None if config.tenant is None else as_written("tenant", rendered(config.tenant, names)),
            f"{source} {name}",
        )

    def _gone(self, gone: Gone, into: Harvest, now_us: int) -> None:
        for name in gone.names:
            for point in self._points.get((gone.source, name), {}).values():
                into.samples.append(_lost(point, now_us))
        into.faults.append(Fault("connection", f"{gone.source}: {gone.why}"))

    def _requests(self, now_s: float, now_us: int) -> list[Publication]:
        """Requests for births that are due: none before its interval has passed, none for who answers meanwhile."""
        if not self._sparkplug.rebirth:
            self._wanted.clear()
        out: list[Publication] = []
        for key in sorted(self._wanted):
            asked_s = self._asked_s.get(key)
            if asked_s is not None and now_s < asked_s + self._sparkplug.rebirth_interval_s:
                continue
            self._asked_s[key] = now_s
            out.append(Publication(command_topic(Source(*key)), rebirth_request(now_us // 1000)))
        self._wanted -= {key for key in self._wanted if self._asked_s.get(key) == now_s}
        return out

    def _other(self, message: Message, into: Harvest) -> None:
        host_id = self._sparkplug.host_id
        if host_id is None or message.topic != state_topic(host_id):
            into.note(message, "is no topic of Sparkplug B that a host reads")
            return
        try:
            state = json.loads(message.payload)
        except (ValueError, RecursionError):
            state = None
        if isinstance(state, dict) and state.get("online") is False:
            # the will of a connection of ours that the broker gave up late: we are there
            into.publications.append(self._state(online=True))

    def _state(self, *, online: bool) -> Publication:
        host_id = self._sparkplug.host_id or ""
        payload = json.dumps({"online": online, "timestamp": self._state_time_ms}).encode()
        return Publication(state_topic(host_id), payload, 1, True)

    def _point_of(self, tag: Tag) -> Point:
        return Point(
            tag.name,
            unit=tag.unit,
            report=tag.report or self._config.report,
            event=tag.type is ValueType.BOOL if tag.event is None else tag.event,
            is_event=tag.type is ValueType.TEXT,
            asset_id=tag.asset,
            site_id=tag.site,
            tenant_id=tag.tenant,
        )


def _lost(point: Point, now_us: int) -> Sample:
    return Sample(point, None, now_us, None, Quality.BAD, COMM_LOSS)
