"""The configuration as routes: which topic is read how. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.identity import Series, as_part, as_written, rendered
from adapters.mqtt.link import Subscription
from adapters.mqtt.path import JsonPath, parse_path
from adapters.mqtt.pattern import TopicPattern, covers, parse_pattern
from adapters.mqtt.rules import FieldRule, Tag, TopicRule, ValueConfig
from adapters.mqtt.times import TimeUnit
from adapters.mqtt.values import ValueType
from ironstream.gateway.adapter import Point
from ironstream.gateway.report_config import ReportConfig

_WHOLE = JsonPath(())
_ALL = FieldRule(path="*")


@dataclass(frozen=True, slots=True)
class Identity:
    """Templates of whose value it is; None: the pipeline's."""

    tenant: str | None
    site: str | None
    asset: str | None

    def series(self, parameter: str, names: Mapping[str, str], source: str) -> Series:
        """The series of a parameter of a topic. Raises IdentityError."""
        return Series(
            as_part(parameter),
            None if self.asset is None else as_part(rendered(self.asset, names)),
            None if self.site is None else as_part(rendered(self.site, names)),
            None if self.tenant is None else as_written("tenant", rendered(self.tenant, names)),
            source,
        )


@dataclass(frozen=True, slots=True)
class ValueRoute:
    """How one value, or all below a place, of a payload are read."""

    path: JsonPath
    parameter: str
    identity: Identity
    config: ValueConfig
    report: ReportConfig
    time: JsonPath | None
    time_unit: TimeUnit
    silence_s: float

    def point(self, series: Series) -> Point:
        """The point of a value."""
        return Point(
            series.parameter,
            unit=self.config.unit,
            report=self.report,
            event=self.config.type is ValueType.BOOL if self.config.event is None else self.config.event,
            is_event=self.config.type is ValueType.TEXT,
            asset_id=series.asset_id,
            site_id=series.site_id,
            tenant_id=series.tenant_id,
        )


@dataclass(frozen=True, slots=True)
class Route:
    """How the messages of a topic, or of all that fit a pattern, are read."""

    pattern: TopicPattern
    format: str
    qos: int
    retained: bool
    values: tuple[ValueRoute, ...]
    known: bool = False
    """Its values are known before they come."""


def routes_of(config: MqttConfig) -> list[Route]:
    """Every topic of the tags first, then the patterns, in the order of the configuration."""
    by_topic: defaultdict[str, list[Tag]] = defaultdict(list)
    for tag in config.tags:
        by_topic[tag.topic].append(tag)
    tags = [_route_of_tags(topic, group, config.report) for topic, group in by_topic.items()]
    return tags + [_route_of_rule(rule, config.report) for rule in config.topics]


def subscriptions_of(routes: Iterable[Route]) -> list[Subscription]:
    """One subscription for each topic filter that no wider one holds, with the highest QoS of those it holds."""
    asked: dict[str, Subscription] = {}
    for route in routes:
        name = route.pattern.filter
        known = asked.get(name, Subscription(name, 0, False))
        asked[name] = Subscription(name, max(known.qos, route.qos), known.retained or route.retained)
    wild = [name for name in asked if "+" in name or "#" in name]
    merged: dict[str, Subscription] = {}
    for name, own in asked.items():
        holder = next((wide for wide in wild if wide != name and covers(wide, name)), None)
        while holder is not None and (
            wider := next((wide for wide in wild if wide != holder and covers(wide, holder)), None)
        ):
            holder = wider
        target = holder or name
        known = merged.get(target, Subscription(target, 0, False))
        merged[target] = Subscription(target, max(known.qos, own.qos), known.retained or own.retained)
    return list(merged.values())


def known_values(routes: Sequence[Route]) -> list[tuple[Route, ValueRoute, Series]]:
    """The values that are known before anything comes, with their series."""
    return [
        (route, value, value.identity.series(value.parameter, {}, source_of(route.pattern.filter, value.path.steps)))
        for route in routes
        if route.known
        for value in route.values
        if not value.path.every and value.config.type is not ValueType.AUTO
    ]


def source_of(topic: str, steps: tuple[str | int, ...]) -> str:
    """Where a value comes from, in words that tell it from all others."""
    return f"{topic} {'.'.join(map(str, steps))}" if steps else topic


def _route_of_tags(topic: str, tags: Sequence[Tag], report: ReportConfig) -> Route:
    is_json = any(tag.path is not None or tag.time is not None for tag in tags)
    values = tuple(
        ValueRoute(
            _WHOLE if tag.path is None else parse_path(tag.path),
            tag.name,
            Identity(tag.tenant, tag.site, tag.asset),
            tag,
            tag.report or report,
            None if tag.time is None else parse_path(tag.time),
            tag.time_unit,
            tag.silence_s,
        )
        for tag in tags
    )
    return Route(
        parse_pattern(topic),
        "json" if is_json else "scalar",
        max(tag.qos for tag in tags),
        any(tag.retained == "take" for tag in tags),
        values,
        known=True,
    )


def _route_of_rule(rule: TopicRule, report: ReportConfig) -> Route:
    pattern = parse_pattern(rule.pattern)
    names = {name for _, name in pattern.names}

    def template(own: str | None, level: str) -> str | None:
        return own if own is not None else f"{{{level}}}" if level in names else None

    identity = Identity(template(rule.tenant, "tenant"), template(rule.site, "site"), template(rule.asset, "asset"))
    parameter = template(rule.parameter, "parameter") or ""
    time = None if rule.time is None else parse_path(rule.time)
    configs: Sequence[FieldRule | TopicRule] = (rule.fields or (_ALL,)) if rule.format == "json" else (rule,)
    values = tuple(
        ValueRoute(
            parse_path(one.path) if isinstance(one, FieldRule) else _WHOLE,
            _field_name(one, parameter) if isinstance(one, FieldRule) else parameter,
            identity,
            one,
            one.report or rule.report or report,
            time,
            rule.time_unit,
            rule.silence_s,
        )
        for one in configs
    )
    literal = not any("{" in (part or "") for part in (identity.tenant, identity.site, identity.asset))
    known = literal and rule.format != "ironstream" and not any("{" in value.parameter for value in values)
    return Route(pattern, rule.format, rule.qos, rule.retained == "take", values, known and not pattern.wild)


def _field_name(rule: FieldRule, parameter: str) -> str:
    """The name of a field, or what stands before the names of all below it."""
    path = parse_path(rule.path)
    if rule.name is not None or path.every:
        return rule.name or parameter
    own = ".".join(map(str, path.steps))
    return f"{parameter}.{own}" if parameter else own
