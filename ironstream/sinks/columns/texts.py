"""Columns of texts of which there are few, from their places in the bytes: each text once, no object for a row."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.kernels.texts import join_texts, number_texts

_LIST: Final = pa.list_(pa.string())
_decode_list: Final = msgspec.json.Decoder(list[str]).decode


class Texts:
    """Makes columns of `found`: its columns `at` and `at` + 1 have start and end of a text in `buffer`, -1 for null."""

    def __init__(self, buffer: NDArray[np.uint8], found: NDArray[np.int64]) -> None:
        self._buffer, self._found = buffer, found
        self._slots = np.empty(2 << max(len(found), 1).bit_length(), np.int32)
        self._firsts = np.empty(len(found), np.int32)

    def column(self, at: int, default: str | None = None) -> pa.DictionaryArray:
        """Texts in the order in which they come first; with a default, it stands for null and for the empty text."""
        if default is not None:
            missing = self._found[:, at] < 0
            if missing.any():
                self._found[missing, at : at + 2] = 0
        firsts, numbers = self._numbers(at)
        texts = self._texts(firsts, at)
        if default is not None and (self._found[firsts, at] == self._found[firsts, at + 1]).any():
            # encoded anew, because the default may stand there, too
            texts = pa.array([text or default for text in texts.to_pylist()], pa.string())
            return texts.take(numbers).dictionary_encode()
        return pa.DictionaryArray.from_arrays(numbers, texts)

    def lists(self, at: int) -> pa.ListArray:
        """Lists of texts in JSON, each different one decoded once."""
        firsts, numbers = self._numbers(at)
        if not len(firsts):
            return pa.nulls(len(self._found), _LIST)
        places = self._found[firsts, at : at + 2].tolist()
        lists = [_decode_list(self._buffer[start:end].tobytes()) for start, end in places]
        return pa.array(lists, _LIST).take(numbers)

    def floats(self, rows: NDArray[np.int64], at: int) -> NDArray[np.float64]:
        """The doubles nearest to the numbers in JSON that stand in these rows."""
        found: NDArray[np.float64] = pc.cast(self._texts(rows.astype(np.int32), at), pa.float64()).to_numpy()
        return found

    def _texts(self, rows: NDArray[np.int32], at: int) -> pa.StringArray:
        """One text per row, none of them null."""
        ends = np.empty(len(rows) + 1, np.int32)
        joined = np.empty(int((self._found[rows, at + 1] - self._found[rows, at]).sum()), np.uint8)
        join_texts(self._buffer, self._found, at, rows, ends, joined)
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(joined))

    def _numbers(self, at: int) -> tuple[NDArray[np.int32], pa.Int32Array]:
        """The rows where different texts come first, and which of them each row has."""
        numbers = np.empty(len(self._found), np.int32)
        count = number_texts(self._buffer, self._found, at, self._slots, self._firsts, numbers)
        absent = numbers < 0
        return self._firsts[:count].copy(), pa.array(numbers, mask=absent if absent.any() else None)
