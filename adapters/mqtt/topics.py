"""What messages on plain topics mean: JSON, single values, readings. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import msgspec

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.harvest import Harvest
from adapters.mqtt.identity import IdentityError, PointBook, Series, as_written
from adapters.mqtt.inbox import Message
from adapters.mqtt.known import KnownTopic, Steps, TopicTable
from adapters.mqtt.link import Publication, Subscription
from adapters.mqtt.path import MISSING, leaves
from adapters.mqtt.readings import PayloadError, ToldValue, told_values
from adapters.mqtt.routes import ValueRoute, known_values, routes_of, source_of, subscriptions_of
from adapters.mqtt.silence import SilenceWatch
from adapters.mqtt.times import TimeError, time_us
from adapters.mqtt.values import UnfitValueError, Value, ValueType, from_json, from_text, is_finite, scaled
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, NOT_A_NUMBER, Fault, Point, Sample

_UNFIT = (IdentityError, PayloadError, TimeError, UnfitValueError)
_MOST_FAULTS = 5


class TopicInterpreter:
    """Reads tags and topics of a `MqttConfig`. An `Interpreter`."""

    def __init__(self, config: MqttConfig) -> None:
        self._keeps = config.session_expiry_s > 0
        self._routes = routes_of(config)
        # a point may come with several types, and every topic counts
        self._topics = TopicTable(self._routes, 4 * config.max_points)
        self._book = PointBook(config.max_points)
        self._silence = SilenceWatch()
        self._known: list[tuple[Point, float, str]] = []
        for _, value, series in known_values(self._routes):
            point = self._book.find(series, lambda value=value, series=series: value.point(series))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            if value.silence_s:
                self._known.append((point, value.silence_s, series.source))

    @property
    def points(self) -> Sequence[Point]:
        """See `Interpreter`."""
        return self._book.points

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """See `Interpreter`."""
        return subscriptions_of(self._routes)

    def connected(self, now_s: float, now_us: int) -> list[Publication]:
        """See `Interpreter`; from now on the known values are waited for."""
        for point, silence_s, source in self._known:
            self._silence.heard(point, silence_s, source, now_s)
        self._known.clear()
        self._silence.restart(now_s)
        return []

    def will(self, now_us: int) -> tuple[Publication, Publication] | None:
        """See `Interpreter`."""
        return None

    def due_s(self) -> float | None:
        """See `Interpreter`."""
        return self._silence.due_s()

    def tick(self, into: Harvest, now_s: float, now_us: int) -> None:
        """See `Interpreter`: values that were not heard for too long are lost."""
        sources: dict[str, float] = {}
        for silent in self._silence.expired(now_s):
            into.samples.append(Sample(silent.point, None, now_us, None, Quality.BAD, COMM_LOSS))
            sources.setdefault(silent.source.partition(" ")[0], silent.silence_s)
        into.faults += [
            Fault("timeout", f"{source}: nothing was heard for {silence_s:g} s")
            for source, silence_s in sources.items()
        ]

    def drain(self, into: Harvest, now_s: float, now_us: int) -> None:
        """See `Interpreter`: nothing waits here."""

    def interpret(self, message: Message, into: Harvest, now_s: float) -> None:
        """See `Interpreter`."""
        known = self._topics.find(message.topic)
        if known is None:
            into.note(message, "no entry reads this topic: the session has an old subscription, take a new client_id")
            return
        if message.retained and not known.route.retained:
            return
        faults: list[str] = []
        try:
            for sample, silence_s, source in self._samples(known, message, faults):
                into.samples.append(sample)
                if silence_s and not message.retained:
                    self._silence.heard(sample.point, silence_s, source, now_s)
        except _UNFIT as error:
            faults.append(str(error))
        if faults:
            more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
            into.refuse(message, "; ".join(faults[:_MOST_FAULTS]) + more)

    def _samples(self, known: KnownTopic, message: Message, faults: list[str]) -> Iterator[tuple[Sample, float, str]]:
        """The samples of a message; what is wrong with single values goes to `faults`. Raises one of _UNFIT."""
        route = known.route
        if route.format == "ironstream":
            yield from self._told(route.values[0], known.names, message, faults)
            return
        document = _document(message.payload) if route.format == "json" else None
        for at, value in enumerate(route.values):
            try:
                if route.format == "scalar":
                    found = [(value.path.steps, from_text(_text(message.payload), value.config.type))]
                else:
                    found = list(_found(value, document, known.explicit, faults))
                own_us = None if value.time is None or not found else _own_time(value, document)
            except _UNFIT as error:
                faults.append(str(error))
                continue
            for steps, told in found:
                key = at, steps, type(told)
                if key not in known.points:
                    try:
                        source = source_of(known.filter, steps)
                        parameter = _parameter(value, known.parameters[at], steps)
                        series = value.identity.series(parameter, known.names, source)
                        self._topics.remember(known, key, self._point(value, series, told), source)
                    except IdentityError as error:
                        faults.append(str(error))
                        continue
                point, source = known.points[key]
                if isinstance(told, int | float) and not isinstance(told, bool):
                    told = scaled(told, value.config.scale, value.config.offset)
                sample = sample_of(message, point, told, own_us, repeatable=self._keeps)
                yield sample, value.silence_s, source

    def _point(self, value: ValueRoute, series: Series, told: Value) -> Point:
        """The point of a series; where its type is left to the payload, text makes it an event and a state both."""
        point = self._book.find(series, lambda: value.point(series))
        if value.config.type is not ValueType.AUTO or told is None:
            return point
        event = isinstance(told, bool) if value.config.event is None else value.config.event
        is_event = isinstance(told, str)
        return (
            point
            if (point.event, point.is_event) == (event, is_event)
            else replace(point, event=event, is_event=is_event)
        )

    def _told(
        self, value: ValueRoute, names: Mapping[str, str], message: Message, faults: list[str]
    ) -> Iterator[tuple[Sample, float, str]]:
        for told in told_values(message.payload):
            try:
                series = _agreed(value, names, told)
                point = self._point(value, series, told.value)
            except IdentityError as error:
                faults.append(str(error))
                continue
            if told.unit is not None and told.unit != point.unit and value.config.unit is None:
                point = replace(point, unit=told.unit)
            sample = sample_of(
                message,
                point,
                told.value,
                told.device_time_us,
                quality=told.quality,
                reason=told.reason,
                historical=told.historical,
                gateway_us=told.gateway_time_us,
                repeatable=self._keeps,
            )
            yield sample, value.silence_s, message.topic


def sample_of(
    message: Message,
    point: Point,
    value: Value,
    own_us: int | None,
    *,
    quality: Quality = Quality.GOOD,
    reason: str | None = None,
    historical: bool = False,
    gateway_us: int | None = None,
    repeatable: bool = False,
) -> Sample:
    """The sample of a value that came with a message; `own_us` is its own time (µs since the epoch), if it has one.

    Without one, a message that came at once is as old as its arrival; one that a broker has kept is of a time that
    nobody knows. `gateway_us`: another gateway read it then. `repeatable`: the broker may tell it once more after a
    crash of ours, and its own time then tells the repeat.
    """
    at_once = not (message.retained or message.backlog or historical) and gateway_us is None
    if value is None or not is_finite(value):
        value, quality, reason = None, Quality.BAD, reason or NOT_A_NUMBER
    return Sample(
        point,
        value,
        message.received_us if gateway_us is None else gateway_us,
        message.received_us if own_us is None and at_once else own_us,
        quality,
        reason,
        message.retained or historical,
        not repeatable or message.qos == 0 or own_us is None,
    )


def _agreed(value: ValueRoute, names: Mapping[str, str], told: ToldValue) -> Series:
    """The series of a payload that names it itself. Raises IdentityError where the topic says otherwise."""
    by_topic = value.identity.series(told.parameter, names, "a reading")
    return replace(
        by_topic,
        tenant_id=_same("tenant_id", told.tenant_id, by_topic.tenant_id),
        site_id=_same("site_id", told.site_id, by_topic.site_id),
        asset_id=_same("asset_id", told.asset_id, by_topic.asset_id),
    )


def _same(part: str, by_payload: str | None, by_topic: str | None) -> str | None:
    if by_payload is None:
        return by_topic
    if by_topic is None:
        # an identity that is told in full is taken as it stands: made to fit it might become another's
        return as_written(part, by_payload)
    if by_topic != by_payload:
        raise IdentityError(f"{part} is {by_payload[:140]!r} in the payload and {by_topic!r} by the topic")
    return by_topic


def _document(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}") from error


def _text(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("not text in UTF-8") from error
    if not text.strip():
        raise PayloadError("empty")
    return text


def _found(value: ValueRoute, document: Any, explicit: Set[Steps], faults: list[str]) -> Iterator[tuple[Steps, Value]]:
    """Place and value of what a document has of a route."""
    part = value.path.get(document)
    if part is MISSING:
        # a message need not say everything
        return
    if not value.path.every:
        yield value.path.steps, from_json(part, value.config.type)
        return
    time = None if value.time is None else value.time.steps
    for steps, leaf in leaves(part, value.path.steps):
        if leaf is None or steps in explicit or steps == time:
            continue
        try:
            told = from_json(leaf, value.config.type)
        except UnfitValueError as error:
            faults.append(f"{_parameter(value, '', steps)}: {error}")
            continue
        yield steps, told


def _parameter(value: ValueRoute, name: str, steps: Steps) -> str:
    """The parameter of a value: of one below a place, `name` and its path from there."""
    if not value.path.every:
        return name
    own = ".".join(map(str, steps[len(value.path.steps) :] or steps))
    return f"{name}.{own}" if name and own else name or own


def _own_time(value: ValueRoute, document: Any) -> int | None:
    told = MISSING if value.time is None else value.time.get(document)
    if told is MISSING or told is None:
        return None
    return time_us(told, value.time_unit)
