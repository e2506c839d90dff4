"""The three agents, one after the other, over a recording: both sides of each chunk at once.

One after the other, because then the order in which an agent sees its records is that of their times, and no matter of
which process was faster: equal versions make equal outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import alarms, events, telemetry
from ironstream.alarm_codec import decode_alarm
from ironstream.contract import ID_HEADER, Condition, Topic
from ironstream.engine.api import Chunk, LogicFactory, Record
from ironstream.engine.database import StoreOptions
from ironstream.engine.outbox import Outbox
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topology import CompiledTopology
from ironstream.whatif.merge import in_groups, merged, records_in
from ironstream.whatif.namespace import Namespace
from ironstream.whatif.outputs import ShadowOutputs
from ironstream.whatif.pairs import SIDES
from ironstream.whatif.recording import Span, read_spans, without_changes
from ironstream.whatif.shadow import ShadowPartition
from ironstream.whatif.tally import Tally

SIDE_NAMES: Final = ("before", "after")
_HANDED_ON: Final = {
    "telemetry": (Topic.EVENTS_RAW, Topic.ALARMS_RAW),
    "events": (Topic.ALARMS_RAW,),
}
"""By agent: topics that another agent takes what it makes from."""
_GROUP: Final = 1_000
_ROOM_S: Final = 120.0


def shadow_topics() -> list[str]:
    """Topics that a run needs, by their names within its namespace."""
    return [
        _handed_on(side, agent, topic) for side in SIDES for agent, topics in _HANDED_ON.items() for topic in topics
    ]


class Stages:
    """Runs the agents of both versions and counts what they make. `told` is told how many records have been taken."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        topologies: tuple[CompiledTopology, CompiledTopology],
        namespace: Namespace,
        outbox: Outbox,
        tally: Tally,
        told: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._kafka = settings.kafka_client_kwargs()
        self._partitions = partitions
        self._topologies = topologies
        self._namespace = namespace
        self._outbox = outbox
        self._tally = tally
        self._told = told
        self._options = StoreOptions(settings.store_cache_mb)

    async def telemetry(self, spans: Mapping[TopicPartition, Span]) -> None:
        """Both sides of every chunk of telemetry.raw."""
        schemas = Schemas(self._settings.schemas)
        factories = [telemetry.logic_factory(one, self._partitions, schemas) for one in self._topologies]
        async with AsyncExitStack() as opened:
            sides = {
                tp: [opened.enter_context(self._shadow("telemetry", side, tp, factories[side])) for side in SIDES]
                for tp, span in spans.items()
                if len(span)
            }
            recorded = await opened.enter_async_context(aclosing(read_spans(self._kafka, spans)))
            async for tp, records in recorded:
                chunk = Chunk(Topic.TELEMETRY_RAW, tp.partition, without_changes(records))
                if len(chunk.records):
                    for shadow in sides[tp]:
                        shadow.apply(chunk)
                    before, after = (shadow.outputs.clean for shadow in sides[tp])
                    self._tally.clean.take(before, after)
                    before.clear()
                    after.clear()
                self._told(len(records))
                await self._room()
        self._tally.settle()
        await self._written()

    async def events(self, spans: Mapping[TopicPartition, Span]) -> None:
        """Partition by partition of events.raw, with the statuses that telemetry handed on."""
        factories = [events.logic_factory(topology) for topology in self._topologies]
        await self._merged("events", Topic.EVENTS_RAW, spans, factories, ("telemetry",), _is_no_status)

    async def alarms(self, spans: Mapping[TopicPartition, Span]) -> None:
        """Partition by partition of alarms.raw: commands and external alarms, with the conditions of both agents."""
        factories = [alarms.logic_factory(topology) for topology in self._topologies]
        await self._merged("alarms", Topic.ALARMS_RAW, spans, factories, ("telemetry", "events"), _is_no_condition)

    async def _merged(
        self,
        agent: str,
        topic: str,
        spans: Mapping[TopicPartition, Span],
        factories: list[LogicFactory],
        makers: tuple[str, ...],
        keep: Callable[[Record], bool],
    ) -> None:
        made = await self._ends([_handed_on(side, maker, topic) for side in SIDES for maker in makers], spans)
        for tp, span in spans.items():
            for side in SIDES:
                names = [self._namespace.prefix + _handed_on(side, maker, topic) for maker in makers]
                parts = {one: made[one] for one in (TopicPartition(name, tp.partition) for name in names)}
                if not len(span) and not any(map(len, parts.values())):
                    continue
                async with AsyncExitStack() as opened:
                    groups = [
                        # closed before the topics are deleted: a consumer that is left may bring one back
                        await opened.enter_async_context(aclosing(read_spans(self._kafka, {one: its})))
                        for one, its in ((tp, span), *parts.items())
                    ]
                    streams = [records_in(group, keep if at == 0 else None) for at, group in enumerate(groups)]
                    shadow = opened.enter_context(self._shadow(agent, side, tp, factories[side]))
                    async for records in in_groups(merged(streams), _GROUP):
                        shadow.apply(Chunk(topic, tp.partition, records))
                        await self._room()
            self._told(len(span))
            self._tally.settle()
        await self._written()

    @contextmanager
    def _shadow(self, agent: str, side: int, tp: TopicPartition, factory: LogicFactory) -> Iterator[ShadowPartition]:
        prefix = f"{self._namespace.prefix}{SIDE_NAMES[side]}.{agent}."
        outputs = ShadowOutputs(self._tally, side, self._outbox, prefix, tp.partition)
        folder: Path = self._namespace.folder / SIDE_NAMES[side] / agent / str(tp.partition)
        shadow = ShadowPartition(factory, tp.partition, folder, self._options, outputs)
        try:
            yield shadow
        finally:
            shadow.close()

    async def _ends(self, topics: list[str], spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, Span]:
        names = [self._namespace.prefix + topic for topic in topics]
        consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(name, tp.partition) for name in names for tp in spans])
        finally:
            await consumer.stop()
        return {tp: Span(0, end) for tp, end in ends.items()}

    async def _room(self) -> None:
        await asyncio.sleep(0)
        async with asyncio.timeout(_ROOM_S):
            await self._outbox.room()

    async def _written(self) -> None:
        """Wait for all that was handed on to be on its topic."""
        for number in range(self._partitions):
            await asyncio.gather(*self._outbox.unsent(number))


def _handed_on(side: int, agent: str, topic: str) -> str:
    return f"{SIDE_NAMES[side]}.{agent}.{topic}"


def _is_no_status(record: Record) -> bool:
    """Statuses in readings were handed on by the telemetry agent; the replay's own does so again."""
    name = next((value for header, value in record.headers if header == ID_HEADER), b"")
    return not (name.startswith(f"{Topic.TELEMETRY_RAW}/".encode()) and name.endswith(b"/status"))


def _is_no_condition(record: Record) -> bool:
    """Conditions are what the rules of the version that held then found; the replay's own agents find theirs."""
    if b'"condition"' not in (record.value or b""):
        return True
    try:
        return not isinstance(decode_alarm(record.value), Condition)
    except DecodeError:
        return True
