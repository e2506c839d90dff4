"""Which rows are a repeat: of a record that the topic has more than once, the first is kept. Pure.

A worker that dies before its commit writes the same records again, at new offsets. What they are is in their columns
(`Identity`). To compare each row with every row that is stored would be dear, so each class has a *mark*: a whole
number that belongs to what the row is, and that rises along a partition but for repeats and what is late. A row above
the highest mark before it is new; only for the others the files must be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.sinks.classes import DataClass
from ironstream.sinks.s3_parquet.ordering import row_numbers

NO_MARK: Final = -1


@dataclass(frozen=True, slots=True)
class Identity:
    """The columns in which two rows of one tenant and class are equal only if one repeats the other."""

    mark: str
    columns: tuple[str, ...]

    @property
    def needed(self) -> list[str]:
        """All columns that are to be read of a file."""
        return list(dict.fromkeys((*self.columns, self.mark)))


IDENTITIES: Final = {
    DataClass.READINGS: Identity("raw_offset", ("raw_partition", "raw_offset", "site_id", "asset_id", "parameter")),
    DataClass.AGGREGATES: Identity(
        "window_start", ("window_start", "site_id", "asset_id", "parameter", "revision", "final")
    ),
    DataClass.EVENTS: Identity("time", ("id",)),
    DataClass.ALARMS: Identity("time", ("occurrence_id", "transition")),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks of a file's rows: the lowest, the highest, and the highest of it and all files before it in its chain.

    NO_MARK where there is none.
    """

    low: int = NO_MARK
    high: int = NO_MARK
    reach: int = NO_MARK

    @classmethod
    def of(cls, marks: NDArray[np.int64], reach_before: int) -> Marks:
        """Those of a file after files that reach so far."""
        marked = marks[marks != NO_MARK]
        if not len(marked):
            return cls(reach=reach_before)
        high = int(marked.max())
        return cls(int(marked.min()), high, max(high, reach_before))

    def may_hold(self, doubtful: NDArray[np.int64]) -> bool:
        """Whether a row with one of these marks (ascending) can be in the file."""
        at = np.searchsorted(doubtful, self.low)
        return self.low != NO_MARK and bool(at < len(doubtful)) and int(doubtful[at]) <= self.high


NO_MARKS: Final = Marks()


def marks_of(rows: pa.Table, data_class: DataClass) -> NDArray[np.int64]:
    """The mark of each row; NO_MARK for one that was made of no raw record, which nothing can repeat."""
    marks: NDArray[np.int64] = pc.cast(rows[IDENTITIES[data_class].mark], pa.int64()).to_numpy()
    if data_class is DataClass.READINGS:
        marks = np.where(rows["raw_partition"].to_numpy() >= 0, marks, NO_MARK)
    return marks


def doubtful_marks(marks: NDArray[np.int64], reach_before: int) -> NDArray[np.int64]:
    """Marks (each once, ascending) of rows that may repeat one before them, or one of files that reach so far."""
    highest_before = np.maximum.accumulate(np.concatenate(([reach_before], marks[:-1])))
    return np.unique(marks[(marks <= highest_before) & (marks != NO_MARK)])


def with_marks(rows: pa.Table, data_class: DataClass, marks: NDArray[np.int64]) -> pa.Table:
    """What the rows with one of these marks are."""
    found = np.isin(marks_of(rows, data_class), marks)
    return rows.select(IDENTITIES[data_class].columns).filter(pa.array(found))


def without_repeats(
    rows: pa.Table, stored: Sequence[pa.Table], data_class: DataClass, doubtful: NDArray[np.int64]
) -> pa.Table:
    """`rows` without those with a doubtful mark that are among `stored` (of `with_marks`), or come twice."""
    places = np.flatnonzero(np.isin(marks_of(rows, data_class), doubtful))
    mine = rows.select(IDENTITIES[data_class].columns).take(pa.array(places))
    table = pa.concat_tables([one.replace_schema_metadata() for one in (*stored, mine)])
    _, first = np.unique(row_numbers(table, table.column_names), return_index=True)
    before = len(table) - len(mine)
    kept = np.ones(len(rows), np.bool_)
    kept[places] = False
    kept[places[first[first >= before] - before]] = True
    return rows if kept.all() else rows.filter(pa.array(kept))
