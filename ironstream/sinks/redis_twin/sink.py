"""The sink: of a cut what is newest, compared with what the twin holds, and set where it is newer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from ironstream.engine.api import Chunk
from ironstream.schemas import Schemas
from ironstream.sinks.classes import DataClass, class_of
from ironstream.sinks.columns import decode_columns
from ironstream.sinks.columns.newest import newest
from ironstream.sinks.progress import progress_told
from ironstream.sinks.redis_twin import active_alarms, last_values, ring
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.connection import Connections
from ironstream.sinks.redis_twin.names import ASSET, refuse_names
from ironstream.sinks.redis_twin.transaction import Change, apply, in_groups
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal, SinkUnavailableError

_READS_AT_ONCE: Final = 200
"""Of one transaction: a few ms, of Redis and of this loop, in which nothing else happens."""
_NODES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows of one class come into the twin: what is newest of them, and what that changes."""

    columns: Sequence[str]
    key: Sequence[str]
    order: Sequence[str]
    names: Sequence[str]
    changes: Callable[[pa.Table, RedisTwinConfig], list[Change]]


class RedisTwin:
    """Sink of last values, rings and active alarms. Each is a maximum, so repeats and any order end alike."""

    def __init__(self, config: RedisTwinConfig, schemas: Schemas) -> None:
        self._config = config
        self._schemas = schemas
        self._connections = Connections(config)
        series = (*ASSET, "parameter")
        self._ways = {
            DataClass.READINGS: _Way(
                last_values.COLUMNS, last_values.KEY, last_values.ORDER, series, last_values.changes_of
            ),
            DataClass.AGGREGATES: _Way(ring.columns_of(config), ring.KEY, ring.ORDER, series, ring.changes_of),
            DataClass.ALARMS: _Way(
                active_alarms.COLUMNS, active_alarms.KEY, active_alarms.ORDER, ASSET, active_alarms.changes_of
            ),
        }

    @property
    def limits(self) -> Limits:
        """A second at most: a twin is looked at live."""
        return Limits(rows=20_000, age_s=1.0, keep_chunks=False)

    def prepare(self, chunk: Chunk) -> Prepared[pa.Table]:
        """The newest rows of the chunk. What is superseded within it is never written."""
        decoded = decode_columns(chunk, self._schemas)
        way = self._way(chunk.topic)
        table = decoded.rows.select(way.columns)
        fits, refusals = refuse_names(table, way.names, decoded.places)
        fit = np.flatnonzero(fits)
        kept = fit[newest(table.take(fit), way.key, way.order)]
        rows = table.take(kept)
        return Prepared(rows, decoded.places[kept], rows.nbytes, (*decoded.refusals, *refusals))

    async def connect(self) -> None:
        """Reach Redis. Raises SinkUnavailableError."""
        await self._connections.open()

    async def write(self, cut: Cut[pa.Table]) -> Sequence[Refusal]:
        """Set what is newer than what the twin holds. Refuses nothing. Raises SinkUnavailableError.

        Not one transaction over all, for that would stop Redis too long: a write that breaks off has set some assets
        and not others, and its repeat sets the rest.
        """
        # tens of ms for a full cut, which the loop has not
        changes = await asyncio.to_thread(self._changes, cut)
        written: list[Change] = []
        # what an earlier try has set is nothing to write any more
        with progress_told(lambda: len(written)):
            if self._config.cluster:
                await self._apply_by_node(changes, written)
            else:
                for group in in_groups(changes, _READS_AT_ONCE):
                    await self._apply(group, written)
                    await asyncio.sleep(0)  # replies that are there already are read without a pause
        return ()

    async def close(self) -> None:
        """Let go of Redis."""
        await self._connections.close()

    def _changes(self, cut: Cut[pa.Table]) -> list[Change]:
        way = self._way(cut.topic)
        table = pa.concat_tables([part.prepared.rows for part in cut.parts]).unify_dictionaries().combine_chunks()
        return way.changes(table.take(newest(table, way.key, way.order)), self._config)

    async def _apply(self, group: Sequence[Change], written: list[Change]) -> None:
        async with self._connections.connection(group[0].key) as connection:
            if await apply(connection, group, self._config.timeout_s):
                written += group

    async def _apply_by_node(self, changes: Sequence[Change], written: list[Change]) -> None:
        # a transaction cannot reach over slots, and only the keys of one asset are sure to share one
        free = asyncio.Semaphore(_NODES_AT_ONCE)

        async def one(change: Change) -> None:
            async with free:
                await self._apply([change], written)

        try:
            async with asyncio.TaskGroup() as tasks:
                for change in changes:
                    tasks.create_task(one(change))
        except ExceptionGroup as errors:
            # many assets, one outage
            if (outages := errors.subgroup(SinkUnavailableError)) is None:
                raise
            raise outages.exceptions[0] from errors

    def _way(self, topic: str) -> _Way:
        data_class = class_of(topic)
        if data_class is None or data_class not in self._ways:
            raise ValueError(f"the twin takes no {topic}")
        return self._ways[data_class]
