"""Names that make keys: those that are none are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ironstream.contract import IDENTITY_PART
from ironstream.sinks.columns.common import MALFORMED
from ironstream.sinks.sink import Refusal

ASSET: Final = ("tenant_id", "site_id", "asset_id")


def refuse_names(
    table: pa.Table, names: Sequence[str], places: NDArray[np.int64]
) -> tuple[NDArray[Any], list[Refusal]]:
    """Which rows have fit names in these columns, as a mask, and the refusals of the others: names make keys."""
    fits = np.ones(len(table), bool)
    refusals = []
    for name in names:
        column = table[name].combine_chunks()
        unfit = [
            code for code, text in enumerate(column.dictionary.to_pylist()) if IDENTITY_PART.fullmatch(text) is None
        ]
        if not unfit:
            continue
        for row in np.flatnonzero(np.isin(column.indices.to_numpy(zero_copy_only=False), unfit) & fits):
            fits[row] = False
            refusals.append(Refusal(int(places[row]), MALFORMED, f"{name}: no name of letters, digits, '.', '_', '-'"))
    return fits, refusals
