"""What was found out about a topic and its values, so that it is not found out again with every message. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.mqtt.identity import rendered
from adapters.mqtt.routes import Route
from ironstream.gateway.adapter import Point

Steps = tuple[str | int, ...]
ValueKey = tuple[int, Steps, type]
"""Place of the value's route, of the value in the document, and what it was."""


@dataclass(slots=True)
class KnownTopic:
    """How a topic is read, with its points (and where their values come from) as far as they have come."""

    route: Route
    names: Mapping[str, str]
    filter: str
    """The filter of the route with its named levels as they are here."""
    parameters: tuple[str, ...]
    """Of each value of the route: its name, or what stands before the names of all below it."""
    explicit: frozenset[Steps]
    """Places that have a value of their own in the route."""
    points: dict[ValueKey, tuple[Point, str]] = field(default_factory=dict)


class TopicTable:
    """The topics that have come, about `most` of them and their points in all; beyond that it begins anew."""

    def __init__(self, routes: Sequence[Route], most: int) -> None:
        self._exact = {route.pattern.filter: route for route in reversed(routes) if not route.pattern.wild}
        self._wild = [route for route in routes if route.pattern.wild]
        self._most = most
        self._size = 0
        self._known: dict[str, KnownTopic] = {}

    def find(self, topic: str) -> KnownTopic | None:
        """How a topic is read; None: not at all."""
        known = self._known.get(topic)
        if known is None and (found := self._route(topic)) is not None:
            route, names = found
            known = self._known[topic] = KnownTopic(
                route,
                names,
                route.pattern.filled(names),
                tuple(rendered(value.parameter, names) for value in route.values),
                frozenset(value.path.steps for value in route.values if not value.path.every),
            )
            self._count()
        return known

    def remember(self, known: KnownTopic, key: ValueKey, point: Point, source: str) -> None:
        """This is the point of such a value."""
        known.points[key] = point, source
        self._count()

    def _route(self, topic: str) -> tuple[Route, Mapping[str, str]] | None:
        route = self._exact.get(topic)
        if route is not None:
            return route, {}
        for route in self._wild:
            names = route.pattern.match(topic)
            if names is not None:
                return route, names
        return None

    def _count(self) -> None:
        self._size += 1
        if self._size > self._most:
            self._known.clear()
            self._size = 0
