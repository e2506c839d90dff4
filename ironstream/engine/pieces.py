"""Records that are put together from pieces, read back as records without a broker in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ironstream.engine.api import Pieces
from ironstream.engine.batch_format import HEADER
from ironstream.engine.packed import PackedBatch
from ironstream.engine.records import Records
from ironstream.engine.unpack import FetchedBatch, records_of
from ironstream.errors import EngineError
from ironstream.kernels.layout import ROW_TIMESTAMP

_BATCH_BYTES: Final = 4 * 1024 * 1024


def records_of_pieces(pieces: Pieces) -> Iterator[Records]:
    """The records as a broker would give them, in a few groups; each counts its offsets from 0."""
    done = 0
    while done < len(pieces.rows):
        batch = PackedBatch(_BATCH_BYTES, None)
        before, done = done, batch.append(pieces, done)
        if before == done:
            raise EngineError("a record does not fit into an empty batch")
        payload = batch._build()[HEADER.size :]
        first_time = int(pieces.rows[before, ROW_TIMESTAMP])
        yield records_of([FetchedBatch(payload, batch.count, 0, first_time, -1, 0)])
