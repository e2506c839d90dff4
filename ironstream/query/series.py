"""One series between two times: which is meant, and at which resolution it is shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ironstream.contract import DEFAULT_PART, SeriesId
from ironstream.domain.times import to_iso
from ironstream.errors import ConfigurationError
from ironstream.query.errors import NothingStoredError
from ironstream.query.patterns import SeriesPattern, is_name
from ironstream.query.shapes import Shape, by_size, label_of, shape_of
from ironstream.query.store import Store
from ironstream.sinks.classes import DataClass
from ironstream.topology.faults import did_you_mean

AUTO: Final = "auto"
AUTO_POINTS: Final = 500
"""What `auto` shows at most, while a coarser resolution is there."""
MAX_ROWS: Final = 100_000
_NAMES: Final = ("tenant_id", "site_id", "asset_id", "parameter")


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """Rows of one series, without the columns of its name."""

    series: SeriesId
    resolution: str
    table: pa.Table


async def read_series(store: Store, name: str, resolution: str, first_us: int, end_us: int) -> SeriesRows:
    """The rows of a series; `resolution` is raw, the size of a window such as 1min, or auto.

    Raises ConfigurationError for what cannot be asked, NothingStoredError where there is no row.
    """
    label = None if resolution == AUTO else _label(store, resolution)
    series = await find_series(store, name, first_us, end_us)
    if label is None:
        found = await _auto(store, series, first_us, end_us)
    else:
        shape = shape_of(label)
        found = resolution, await _head(store, shape, series, first_us, end_us, MAX_ROWS + 1)
    if not len(found[1]):
        raise await _nothing(store, series, resolution, first_us, end_us)
    if len(found[1]) > MAX_ROWS:
        raise ConfigurationError(
            f"{series} has more than {MAX_ROWS:,} rows of {found[0]} in this time.",
            "Take a coarser --resolution or a shorter time, or `ironstream query export`.",
        )
    return SeriesRows(series, found[0], found[1].drop_columns(_NAMES))


async def find_series(store: Store, name: str, first_us: int, end_us: int) -> SeriesId:
    """The one series that a name means; tenant and site may be left out where that leaves no doubt.

    Raises ConfigurationError, NothingStoredError.
    """
    parts = name.split("/")
    if not 2 <= len(parts) <= 4 or not all(map(is_name, parts)):
        raise ConfigurationError(
            f"{name!r} is no name of a series.", "Write TENANT/SITE/ASSET/PARAMETER; the tenant may be left out."
        )
    pattern = SeriesPattern.parse(name)
    if pattern.series is not None:
        return pattern.series  # whether it is there is seen by its rows
    found = await store.series(pattern, first_us, end_us)
    if len(found) > 1:
        of_default = [one for one in found if one.tenant_id == DEFAULT_PART]
        if len(of_default) != 1:
            listed = ", ".join(map(str, found[:5])) + (", …" if len(found) > 5 else "")
            raise ConfigurationError(f"{name} may be one of {len(found)} series.", f"Name one: {listed}.")
        found = of_default
    if not found:
        raise await _nothing(store, name, "", first_us, end_us)
    return found[0]


async def _auto(store: Store, series: SeriesId, first_us: int, end_us: int) -> tuple[str, pa.Table]:
    """The finest resolution of at most `AUTO_POINTS` rows that begins no later than the coarser ones do.

    A finer one may begin later because it is not kept for as long: it would show an empty time that is none.
    """
    shapes = {one: shape_of(label_of(one)) for one in by_size(store.labels)}
    best = AUTO, shape_of(DataClass.READINGS.value).schema.empty_table()
    for resolution, shape in shapes.items():
        rows = await _head(store, shape, series, first_us, end_us, AUTO_POINTS + 1)
        if not len(rows):
            continue
        best = resolution, rows
        if len(rows) <= AUTO_POINTS and await _begins_first(
            store, series, shape, rows, list(shapes.values()), first_us
        ):
            return best
    if len(best[1]) > AUTO_POINTS:
        # the coarsest has still more: show all of it
        best = best[0], await _head(store, shapes[best[0]], series, first_us, end_us, MAX_ROWS + 1)
    return best


async def _begins_first(
    store: Store, series: SeriesId, shape: Shape, rows: pa.Table, shapes: list[Shape], first_us: int
) -> bool:
    begin = _us(rows[shape.time])
    for coarser in shapes[shapes.index(shape) + 1 :]:
        head = await _head(store, coarser, series, first_us, begin, 1)
        # the window that the first row is in begins before it too
        if len(head) and _us(head["window_end"]) <= begin:
            return False
    return True


async def _head(store: Store, shape: Shape, series: SeriesId, first_us: int, end_us: int, most: int) -> pa.Table:
    """The first rows, at most so many."""
    tables, count = [shape.schema.empty_table()], 0
    rows: AsyncGenerator[pa.Table, None] = store.rows(shape, SeriesPattern.of(series), first_us, end_us)
    async with aclosing(rows):
        async for table in rows:
            tables.append(table)
            count += len(table)
            if count >= most:
                break
    return pa.concat_tables(tables).slice(0, most)


def _label(store: Store, resolution: str) -> str:
    there = ", ".join((*by_size(store.labels), AUTO))
    try:
        label = label_of(resolution)
    except ValueError:
        raise ConfigurationError(f"{resolution!r} is no resolution.", f"Take one of {there}.") from None
    if label not in store.labels:
        raise ConfigurationError(f"{store.where} has no {resolution}.", f"Take one of {there}.")
    return label


async def _nothing(
    store: Store, series: SeriesId | str, resolution: str, first_us: int, end_us: int
) -> NothingStoredError:
    known = [str(one) for one in await store.series(SeriesPattern(), first_us, end_us)]
    missing = str(series)
    if missing in known:
        hint = "Take another --from and --to" + (", or --resolution auto." if resolution not in ("", AUTO) else ".")
    else:
        tail = missing.count("/") + 1
        # a name without its tenant is compared with such
        near = did_you_mean(missing, ["/".join(name.split("/")[-tail:]) for name in known])
        hint = near[:1].upper() + near[1:] if near else "`ironstream query last` lists the series."
    what = "" if resolution in ("", AUTO) else f" at {resolution}"
    return NothingStoredError(
        f"{store.where} has nothing of {missing}{what} from {to_iso(first_us)} to {to_iso(end_us)}.", hint
    )


def _us(column: pa.ChunkedArray) -> int:
    return int(pc.cast(column, pa.int64())[0].as_py())


def columns_shown(data_class: DataClass) -> tuple[str, ...]:
    """Columns of a series that a table for people has room for."""
    if data_class is DataClass.READINGS:
        return ("time", "value", "unit", "quality", "quality_reasons")
    return ("window_start", "avg", "min", "max", "last", "count", "unit", "pct_good", "revision", "final")
