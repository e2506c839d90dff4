"""The dictionary of series: tenant, site, asset and parameter to a number, which the rows carry."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog
from numpy.typing import NDArray

from ironstream.sinks.bisect import bisect
from ironstream.sinks.columns.names import Name, single
from ironstream.sinks.postgres.errors import RefusedError, as_sink_errors, as_sink_or_row_errors
from ironstream.sinks.postgres.statements import quoted
from ironstream.sinks.sink import SinkUnavailableError

_log = structlog.get_logger(__name__)

Attributes = tuple[str | None, ...]
"""Unit, canonical name, site's name, type of machine; None: not told."""
ATTRIBUTES: Final = ("unit", "canonical_name", "site_name", "machine_type")
_MOST: Final = 1_000_000
"""Series that are remembered, at most; beyond it all are forgotten and asked for again."""
_TRIES: Final = 3
_UNKNOWN: Final = (None, None, None, None)
NONE: Final = -1
"""Number of a series that the server refused."""
_FIND: Final = """
    SELECT s.tenant_id, s.site_id, s.asset_id, s.parameter, s.series_id,
           s.unit, s.canonical_name, s.site_name, s.machine_type
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS n (tenant_id, site_id, asset_id, parameter)
    JOIN {series} s USING (tenant_id, site_id, asset_id, parameter)"""
_ADD: Final = """
    INSERT INTO {series} (tenant_id, site_id, asset_id, parameter)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    ON CONFLICT (tenant_id, site_id, asset_id, parameter) DO NOTHING"""
_DESCRIBE: Final = """
    UPDATE {series} s SET unit = n.unit, canonical_name = n.canonical_name,
                          site_name = n.site_name, machine_type = n.machine_type
    FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[])
         AS n (tenant_id, series_id, unit, canonical_name, site_name, machine_type)
    WHERE s.tenant_id = n.tenant_id AND s.series_id = n.series_id"""


def attributes_of(rows: pa.Table, last: NDArray[np.int64]) -> list[Attributes]:
    """What the rows at `last` say of their series."""
    columns = [single(rows[name]).take(pa.array(last)) for name in ATTRIBUTES]
    return list(zip(*(pc.cast(column, pa.string()).to_pylist() for column in columns), strict=True))


class Series:
    """Numbers of series, remembered; one for all topics of a sink."""

    def __init__(self, schema: str, place: str) -> None:
        self._table = quoted(schema, "series")
        self._place = place
        self._numbers: dict[Name, int] = {}
        self._attributes: dict[int, Attributes] = {}
        self._one_at_a_time = asyncio.Lock()

    def forget(self) -> None:
        """Ask the database again: it may be another one now, or an older copy."""
        self._numbers.clear()
        self._attributes.clear()

    async def numbers(self, connection: Any, names: Sequence[Name]) -> tuple[NDArray[np.int32], dict[int, str]]:
        """The number of each, after adding those that are new; by place in `names`, those that the server refuses."""
        if len(self._numbers) > _MOST:
            self.forget()
        refused: dict[Name, str] = {}
        for _ in range(_TRIES):
            # more than once where another topic's outage, or the limit, made us forget meanwhile
            unknown = [name for name in names if name not in self._numbers and name not in refused]
            if not unknown:
                found = np.array([self._numbers.get(name, NONE) for name in names], np.int32)
                return found, {place: refused[name] for place, name in enumerate(names) if name in refused}
            async with self._one_at_a_time:
                refused |= await self._look_up(connection, unknown)
        raise SinkUnavailableError(
            f"{self._place}: new series do not stay in {self._table}", "Does a trigger or a policy take them away?"
        )

    async def describe(
        self, connection: Any, names: Sequence[Name], numbers: NDArray[np.int32], attributes: Sequence[Attributes]
    ) -> None:
        """Let unit and names of the series be these."""
        changed = {}
        for name, number, given in zip(names, numbers.tolist(), attributes, strict=True):
            known = self._attributes.get(number, _UNKNOWN)
            merged = tuple(old if new is None else new for new, old in zip(given, known, strict=True))
            if number != NONE and merged != known:
                changed[number] = (name[0], merged)
        if not changed:
            return
        # in order, so that two sinks that change the same ones wait for each other and do not lock up
        rows = [(tenant, number, *given) for number, (tenant, given) in sorted(changed.items())]
        try:
            with as_sink_or_row_errors(self._place):
                await connection.execute(_DESCRIBE.format(series=self._table), *map(list, zip(*rows, strict=True)))
        except RefusedError as error:
            # what a series is called must not hold up what it measured
            _log.warning("series_not_described", place=self._place, error=error.detail)
        self._attributes |= {number: merged for number, (_, merged) in changed.items()}

    async def _look_up(self, connection: Any, names: Sequence[Name]) -> dict[Name, str]:
        missing = await self._read(connection, sorted(names))
        if not missing:
            return {}

        async def add(some: Sequence[Name]) -> str | None:
            try:
                with as_sink_or_row_errors(self._place):
                    await connection.execute(_ADD.format(series=self._table), *_columns(some))
            except RefusedError as error:
                return error.detail
            return None

        refused = {missing[place]: detail for place, detail in await bisect(missing, add)}
        await self._read(connection, missing)
        return refused

    async def _read(self, connection: Any, names: Sequence[Name]) -> list[Name]:
        """Remember those that the database has; the others."""
        with as_sink_errors(self._place):
            rows = await connection.fetch(_FIND.format(series=self._table), *_columns(names))
        for row in rows:
            self._numbers[row[0], row[1], row[2], row[3]] = row[4]
            self._attributes[row[4]] = (row[5], row[6], row[7], row[8])
        return [name for name in names if name not in self._numbers]


def _columns(names: Sequence[Name]) -> list[list[str]]:
    return [list(column) for column in zip(*names, strict=True)]
