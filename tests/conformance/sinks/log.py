"""A log of every clean topic, as the real agents write it, on two partitions; and cuts of it, as a flow makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

from ironstream.engine.api import Chunk
from ironstream.sinks.sink import Cut, Part, Sink
from tests.support.clean_log import clean_log
from tests.support.engine import MemoryRecord, chunk
from tests.support.telemetry import Log, message, topology_of

Records = Sequence[MemoryRecord]
Clean = Mapping[str, Mapping[int, Records]]
"""Records by topic and partition."""
PARTITIONS = {0: "pump", 3: "tank"}
"""The asset of each."""
SECONDS = 70
_TOPOLOGY = """
version: 1
windows:
  - {size_s: 1, grace_s: 1, late_retention_s: 600}
  - {size_s: 10, grace_s: 1, late_retention_s: 600}
  - {size_s: 60, grace_s: 1, late_retention_s: 600}
sites: [{id: works, name: "The works, north"}]
assets:
  - id: pump
    site: works
    parameters: [&temperature {name: temperature, unit: degC, expected_interval_s: 1, windows_s: [1, 10, 60],
                               range: {min: -50, max: 90, action: suspect}}]
  - {id: tank, site: works, parameters: [*temperature]}
alarms:
  - {id: hot, type: hot, severity: HIGH, parameter: temperature, condition: {above: 60}}
  - {id: cold, type: cold, severity: LOW, parameter: temperature, condition: {below: 5}}
"""


@cache
def whole_log() -> Clean:
    """What a sink may be given: readings, three sizes of windows with restated ones, events, alarms in their lives."""
    topology = topology_of(_TOPOLOGY)
    found: dict[str, dict[int, Records]] = {}
    for partition, asset in PARTITIONS.items():
        log = Log()
        for at in range(SECONDS):
            second = at + 30 * (at >= SECONDS // 2)  # half a minute is missing, which is an event
            value = None if at % 11 == 7 else 20.0 + 50 * (at % 20 > 12) - 18 * (at % 20 < 3)
            log.add(second, message(second, value, at + 1, site_id="works", asset_id=asset))
        log.add(SECONDS + 40, message(3.5, 21.0, SECONDS + 1, site_id="works", asset_id=asset))
        log.tick(SECONDS + 600)
        for topic, records in clean_log(log.records, topology, partition).items():
            found.setdefault(topic, {})[partition] = records
    return found


def of_topics(log: Clean, topics: Sequence[str]) -> Clean:
    """The log of some topics alone."""
    return {topic: log[topic] for topic in topics}


def cut_of(sink: Sink[Any], topic: str, *runs: tuple[int, Records], random: Random | None = None) -> Cut[Any]:
    """A cut of runs of records, each of a partition; in chunks of any length where `random` says so."""
    parts: list[Part[Any]] = []
    for partition, records in runs:
        bounds = [0, len(records)]
        if random is not None:
            bounds = sorted({0, len(records), *(random.randrange(len(records) + 1) for _ in range(2))})
        for first, last in pairwise(bounds):
            parts.append(part_of(sink, chunk(topic, records[first:last], partition)))
    return Cut(topic, parts)


def part_of(sink: Sink[Any], one: Chunk) -> Part[Any]:
    """A chunk, prepared."""
    kept = one if sink.limits.keep_chunks else None
    return Part(one.topic, one.partition, int(one.records.offsets[0]), one.next_offset, sink.prepare(one), kept)


def whole_cuts(sink: Sink[Any], log: Clean) -> Iterator[Cut[Any]]:
    """All of the log, in as few cuts as the sink takes."""
    for topic, partitions in log.items():
        runs = [(partition, records) for partition, records in partitions.items() if records]
        if sink.limits.by == "topic":
            yield cut_of(sink, topic, *runs)
        else:
            yield from (cut_of(sink, topic, run) for run in runs)


class Consumer:
    """Reads a topic as a consumer group does: on from its commit, which is always behind what is written."""

    def __init__(self, topic: str, partitions: Mapping[int, Records], random: Random) -> None:
        self._topic = topic
        self._records = partitions
        self._random = random
        self.taken = dict.fromkeys(partitions, 0)
        self.committed = dict.fromkeys(partitions, 0)

    @property
    def done(self) -> bool:
        """Whether everything is written."""
        return all(self.taken[partition] == len(records) for partition, records in self._records.items())

    def next_cut(self, sink: Sink[Any]) -> Cut[Any]:
        """The next cut, of any length."""
        runs: list[tuple[int, Records]] = []
        for partition, records in self._records.items():
            first = self.taken[partition]
            last = min(len(records), first + self._random.choice([1, 3, 10, 40]))
            if first < last and (self._random.random() < 0.7 or not runs):
                runs.append((partition, records[first:last]))
                self.taken[partition] = last
                if sink.limits.by == "partition":
                    break
        return cut_of(sink, self._topic, *runs, random=self._random)

    def commit(self) -> None:
        """Note how far it is; sometimes late."""
        if self._random.random() < 0.5:
            self.committed = dict(self.taken)

    def crash(self) -> None:
        """Begin again where it last committed."""
        self.taken = dict(self.committed)
