"""Runs of equal keys in a sorted column, and what a batch needs to know about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Segments:
    """Runs of a column of n rows: `key`, `start`, `length` of each run; `of_row` the run of each row."""

    key: NDArray[Any]
    start: Ints
    length: Ints
    of_row: Ints

    @property
    def last(self) -> Ints:
        """Last row of each run."""
        return self.start + self.length - 1

    def rank(self) -> Ints:
        """Place of each row within its run, from 0."""
        return np.arange(len(self.of_row)) - self.start[self.of_row]

    def all(self, column: Bools) -> Bools:
        """Per run: whether the column holds in all its rows."""
        return np.logical_and.reduceat(column, self.start)

    def any(self, column: Bools) -> Bools:
        """Per run: whether the column holds in one of its rows."""
        return np.logical_or.reduceat(column, self.start)


def segments(column: NDArray[Any]) -> Segments:
    """Runs of a column of at least one row."""
    n = len(column)
    new = np.empty(n, np.bool_)
    new[0] = True
    np.not_equal(column[1:], column[:-1], out=new[1:])
    start = new.nonzero()[0]
    # np.diff with `append` says the same and takes ten times as long: a batch of a few rows is mostly such calls.
    length = np.empty_like(start)
    np.subtract(start[1:], start[:-1], out=length[:-1])
    length[-1] = n - start[-1]
    return Segments(column[start], start, length, np.repeat(np.arange(len(start)), length))


def previous(column: NDArray[Any], runs: Segments, before: NDArray[Any]) -> NDArray[Any]:
    """Per row: the value of the row before it in its run; for the first of a run, `before` of that run."""
    shifted = np.empty_like(column)
    shifted[1:] = column[:-1]
    shifted[runs.start] = before
    return shifted


def running_max(column: Ints, runs: Segments, before: Ints) -> Ints:
    """Per row: the largest value of its run up to and including it, and of `before` of that run."""
    # Ranks instead of values make one accumulate serve all runs: each run starts above the whole run before it.
    values = column.copy()
    values[runs.start] = np.maximum(values[runs.start], before)
    if len(runs.start) == len(column):
        return values
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    # Equal values may take different ranks; the value looked up from the larger rank is the same.
    rank += runs.of_row * len(values)
    top = np.maximum.accumulate(rank) - runs.of_row * len(values)
    result: Ints = values[order[top]]
    return result
