"""A record batch put together by kernels, in the shape in which aiokafka's producer takes one."""

from __future__ import annotations

from functools import lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from ironstream.contract import ID_HEADER
from ironstream.engine.api import Pieces
from ironstream.engine.batch_format import COMPRESS, CRC, CRC_AT, CRC_FROM, HEADER, LENGTH_FROM, MAGIC
from ironstream.engine.records import encode_headers
from ironstream.kernels.layout import ROW_TIMESTAMP
from ironstream.kernels.record_batches import append_rows


class PackedBatch:
    """A batch of at most `limit` bytes before compression (`gzip`, `snappy`, `lz4`, `zstd` or None).

    The methods below `append` are those that aiokafka's `MessageBatch` calls of its `BatchBuilder`.
    """

    def __init__(self, limit: int, compression: str | None) -> None:
        self.count = 0
        self._buffer = np.empty(limit, np.uint8)
        self._used = HEADER.size
        self._compression = compression
        self._first_time = self._max_time = -1
        self._producer = (-1, -1, 0)
        self._built: memoryview | None = None

    def append(self, pieces: Pieces, first: int) -> int:
        """Take the records from row `first` on, as far as they fit; returns the row after the last one taken."""
        times = pieces.rows[:, ROW_TIMESTAMP]
        if not self.count:
            self._first_time = int(times[first])
        done, self._used = append_rows(
            self._buffer, self._used, self.count, self._first_time,
            pieces.source, pieces.made, pieces.keys, _headers(tuple(pieces.headers)), pieces.rows, first,
        )  # fmt: skip
        if done > first:
            self._max_time = max(self._max_time, int(times[first:done].max()))
            self.count += done - first
        return int(done)

    def size(self) -> int:
        """Bytes of the batch: as they are sent, once it has been built."""
        return self._used if self._built is None else len(self._built)

    def record_count(self) -> int:
        """How many records are in it."""
        return self.count

    def closed(self) -> bool:
        """aiokafka adds nothing to it."""
        return True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> memoryview:
        if self._built is None:
            self._built = self._finished()
        return self._built

    def _finished(self) -> memoryview:
        attributes, batch = 0, self._buffer.data[: self._used]
        if self._compression is not None:
            attributes, compress = COMPRESS[self._compression]
            # The header's room first: it is filled below.
            batch = memoryview(bytearray(HEADER.size) + compress(bytes(batch[HEADER.size :])))
        HEADER.pack_into(
            batch, 0, 0, len(batch) - LENGTH_FROM, -1, MAGIC, 0, attributes, self.count - 1, self._first_time,
            self._max_time, *self._producer, self.count,
        )  # fmt: skip
        CRC.pack_into(batch, CRC_AT, google_crc32c.value(bytes(batch[CRC_FROM:])))
        return batch


@lru_cache(maxsize=64)
def _headers(given: tuple[tuple[str, bytes], ...]) -> NDArray[np.uint8]:
    """Headers on the wire, up to the value of the last, the id."""
    wire = encode_headers([*given, (ID_HEADER, b"")])
    return np.frombuffer(bytearray(wire[:-1]), np.uint8)
