"""The three agents, one after the other, over a recording: both sides of each chunk at once.

One after the other, because then the order in which an agent sees its records is that of their times, and no matter of
which process was faster: equal versions make equal outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import alarms, events, telemetry
from ironstream.contract import Topic
from ironstream.engine.api import Chunk, LogicFactory, Record, Records
from ironstream.engine.database import StoreOptions
from ironstream.engine.outbox import Outbox
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topology import CompiledTopology
from ironstream.whatif.handed_on import SIDE_NAMES, handed_on, is_no_condition, is_no_status
from ironstream.whatif.merge import in_groups, merged, records_in
from ironstream.whatif.namespace import Namespace
from ironstream.whatif.outputs import ShadowOutputs
from ironstream.whatif.pairs import SIDES
from ironstream.whatif.recording import Span, read_spans, without_changes
from ironstream.whatif.shadow import ShadowPartition
from ironstream.whatif.tally import Tally

_GROUP: Final = 1_000
_ROOM_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class _Merge:
    """An agent whose log is put together: of what was recorded and is to be kept, and of what `makers` hand on."""

    agent: str
    topic: str
    factories: list[LogicFactory]
    makers: tuple[str, ...]
    keep: Callable[[Record], bool]


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
        await self._merged(_Merge("events", Topic.EVENTS_RAW, factories, ("telemetry",), is_no_status), spans)

    async def alarms(self, spans: Mapping[TopicPartition, Span]) -> None:
        """Partition by partition of alarms.raw: commands and external alarms, with the conditions of both agents."""
        factories = [alarms.logic_factory(topology) for topology in self._topologies]
        makers = ("telemetry", "events")
        await self._merged(_Merge("alarms", Topic.ALARMS_RAW, factories, makers, is_no_condition), spans)

    async def _merged(self, of: _Merge, spans: Mapping[TopicPartition, Span]) -> None:
        made = await self._ends([handed_on(side, maker, of.topic) for side in SIDES for maker in of.makers], spans)
        for tp, span in spans.items():
            async with AsyncExitStack() as opened:
                sides = [(await self._log(opened, of, side, tp, span, made), side) for side in SIDES]
                shadows = [opened.enter_context(self._shadow(of.agent, side, tp, of.factories[side])) for side in SIDES]
                # in turn, so that what belongs together comes within moments and finds its counterpart
                while sides:
                    for one in list(sides):
                        log, side = one
                        records = await anext(log, None)
                        if records is None:
                            sides.remove(one)
                        else:
                            shadows[side].apply(Chunk(of.topic, tp.partition, records))
                            await self._room()
            self._told(len(span))
            self._tally.settle()
        await self._written()

    async def _log(
        self,
        opened: AsyncExitStack,
        of: _Merge,
        side: int,
        tp: TopicPartition,
        span: Span,
        made: Mapping[TopicPartition, Span],
    ) -> AsyncIterator[Records]:
        """One side's log of a partition: what was recorded, and what its agents handed on."""
        names = [self._namespace.prefix + handed_on(side, maker, of.topic) for maker in of.makers]
        parts = {tp: span} | {one: made[one] for one in (TopicPartition(name, tp.partition) for name in names)}
        # closed before the topics are deleted: a consumer that is left may bring one back
        groups = [
            await opened.enter_async_context(aclosing(read_spans(self._kafka, {one: its})))
            for one, its in parts.items()
        ]
        streams = [records_in(group, of.keep if at == 0 else None) for at, group in enumerate(groups)]
        return in_groups(merged(streams), _GROUP)

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
