"""The header of Kafka's record batches, magic 2 (Kafka protocol, "Record Batch"): big-endian, before the records.

Base offset, length of what follows it, partition leader epoch, magic, CRC-32C of what follows it, attributes, last
offset delta, base timestamp, max timestamp, producer id, producer epoch, base sequence, number of records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from aiokafka import codec

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
MAGIC: Final = 2
LENGTH_FROM: Final = 12
"""The batch's length does not count the base offset and itself."""
CRC_AT: Final = 17
CRC: Final = struct.Struct(">I")
CRC_FROM: Final = CRC_AT + CRC.size
COMPRESSION: Final = 0x07
"""The attributes' bits that hold the code of the compression, 0 for none."""
APPEND_TIME: Final = 0x08
"""Attribute: the max timestamp is that of all records."""
CONTROL: Final = 0x20
"""Attribute: the records are a transaction's own, not data."""
COMPRESS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "gzip": (1, codec.gzip_encode),
    "snappy": (2, codec.snappy_encode),
    "lz4": (3, codec.lz4_encode),
    "zstd": (4, codec.zstd_encode),
}
"""By name: the code, and what compresses the records."""
DECOMPRESS: Final[dict[int, Callable[[bytes], bytes]]] = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}
"""By code."""
