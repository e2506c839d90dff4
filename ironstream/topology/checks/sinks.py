"""Checks of the sinks: their kinds, their topics, their configurations, and where they write."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError

from ironstream.claims import area_of, claims_of
from ironstream.contract import Topic
from ironstream.names import twice
from ironstream.topology.checks.report import Path, Report
from ironstream.topology.checks.secrets import check_secret_fields
from ironstream.topology.checks.structure import tell_all
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import SinkPart, Topology
from ironstream.topology.sinks import SinkSort, SinkSorts, topics_of

_OWN_PLACE: Final = "give one of them a place outside of the other's: who reads the outer one finds both there"
ONE_WRITER: Final = "let one sink write there, with the topics of both, or give one of them a place of its own"
"""What to do about two sinks with one claim."""


def check_sinks(topology: Topology, sorts: SinkSorts | None, whole: bool, report: Report) -> None:
    """Note every sink that cannot work. Without `sorts` kinds and configurations are taken as they are.

    `whole`: no sink is missing because of other faults.
    """
    sizes = frozenset(window.size_s for window in topology.windows)
    writers: dict[str, int] = {}
    residents: list[_Resident] = []
    for index, sink in enumerate(topology.sinks):
        path = ("sinks", index)
        there = _topics(path, sink.topics, sizes, topology.deployment.topic_prefix, report)
        if sorts is None:
            continue
        sort = sorts.get(sink.kind)
        if sort is None:
            mend = did_you_mean(sink.kind, sorts) or f"use one of {', '.join(sorted(sorts))}"
            report.error((*path, "kind"), f"there is no kind of sink {quote(sink.kind)}", mend)
            continue
        _fitting(path, sink, sort, there, sizes, report)
        try:
            config = sort.config_model.model_validate(sink.config)
        except ValidationError as err:
            tell_all(err, sort.config_model, (*path, "config"), report)
            continue
        check_secret_fields(config, (*path, "config"), report)
        if sink.enabled:
            _alone(index, config, topology.sinks, writers, report)
            resident = _Resident(index, sink, area_of(config), frozenset(topics_of(sink, sort, sizes)))
            _apart(resident, residents, report)
            residents.append(resident)
    if whole and len(residents) == sum(sink.enabled for sink in topology.sinks):
        _somebody_is_told(topology, residents, report)


def _topics(
    path: Path, topics: Sequence[str], sizes: Collection[int], prefix: str, report: Report
) -> list[tuple[int, str]]:
    """Note every named topic that there is not, or that is named twice; the others with their places."""
    known = Topic.clean(sizes)
    there = []
    for name in twice(topics):
        second = [place for place, topic in enumerate(topics) if topic == name][1]
        report.error((*path, "topics", second), f"topic {quote(name)} is named twice", "name each topic once")
    for place, topic in enumerate(topics):
        if topic in known:
            there.append((place, topic))
            continue
        size_s = Topic.size_s(topic)
        message = f"{quote(topic)} is no topic that a sink takes"
        if prefix and topic.removeprefix(prefix) in known:
            mend = f"write {topic.removeprefix(prefix)}: the prefix of the deployment is put before it"
        elif size_s is not None and size_s in sizes:
            mend = f"write {Topic.aggregates(size_s)}, the name of the topic of that size"
        elif size_s is not None:
            message = f"there is no topic {quote(topic)}, for there is no window of {size_s} s"
            mend = f"use one of {', '.join(known[1:-2])}, or declare `size_s: {size_s}` under windows"
        elif (clean := topic.removesuffix(".raw") + ".clean") in known:
            mend = f"write {clean}: what is raw goes through the agents first"
        else:
            mend = did_you_mean(topic, known) or f"use one of {', '.join(known)}"
        report.error((*path, "topics", place), message, mend)
    return there


def _fitting(
    path: Path,
    sink: SinkPart,
    sort: SinkSort,
    there: Sequence[tuple[int, str]],
    sizes: Collection[int],
    report: Report,
) -> None:
    able = tuple(filter(sort.topics, Topic.clean(sizes)))
    what = f"it takes {', '.join(able)}" if able else "declare the window sizes that it takes under windows"
    for place, topic in there:
        if not sort.topics(topic):
            mend = f"remove it: {what}" if able else what
            report.error((*path, "topics", place), f"{quote(sink.kind)} cannot take {topic}", mend)
    if not sink.topics and not topics_of(sink, sort, sizes):
        mend = f"name its topics: {what}" if able else what
        report.error((*path, "kind"), f"{quote(sink.kind)} gets none of the topics of this deployment", mend)


def _alone(index: int, config: BaseModel, sinks: Sequence[SinkPart], writers: dict[str, int], report: Report) -> None:
    for claim in claims_of(config):
        other = writers.setdefault(claim, index)
        if other != index:
            place = report.place_of(("sinks", other), ("sinks", index))
            message = f"sink {quote(sinks[other].id)} in {place} writes to {claim} too"
            report.error(("sinks", index, "config"), message, ONE_WRITER)


@dataclass(frozen=True, slots=True)
class _Resident:
    """An enabled sink, where it writes, and what."""

    index: int
    sink: SinkPart
    area: tuple[str, ...]
    topics: frozenset[str]


def _somebody_is_told(topology: Topology, residents: Sequence[_Resident], report: Report) -> None:
    """Note when sinks take everything but alarms. A plant without any sink is watched on its pages."""
    raised = [index for index, alarm in enumerate(topology.alarms) if alarm.enabled]
    if raised and residents and not any(Topic.ALARMS_CLEAN in resident.topics for resident in residents):
        alarms = f"{len(raised)} alarm rule{'s' if len(raised) != 1 else ''}"
        message = f"no sink takes {Topic.ALARMS_CLEAN}: nobody is told what {alarms} raise{'s' * (len(raised) == 1)}"
        mend = f"add {Topic.ALARMS_CLEAN} to the topics of a sink, or a sink that pages somebody"
        report.warning(("alarms", raised[0]), message, mend)


def _apart(one: _Resident, others: Sequence[_Resident], report: Report) -> None:
    """Note each other sink of the kind that writes the same topics around or within the place of this one."""
    for other in others:
        outer, inner = sorted((one.area, other.area), key=len)
        shared = sorted(one.topics & other.topics)
        # in one place they have one claim, which is told as that
        nested = outer and outer != inner and inner[: len(outer)] == outer
        if one.sink.kind == other.sink.kind and nested and shared:
            place = report.place_of(("sinks", other.index), ("sinks", one.index))
            where = "around" if outer == other.area else "within"
            message = f"sink {quote(other.sink.id)} in {place} writes {', '.join(shared)} {where} this place too"
            report.warning(("sinks", one.index, "config"), message, _OWN_PLACE)
