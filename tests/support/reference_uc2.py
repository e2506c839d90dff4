"""A contender for tests of the harness: the windowed aggregation, record by record, in as few lines as can be.

`python reference_uc2.py FLAW` spoils what it says: none, a value, a window, or the process itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import struct
import sys
from collections import defaultdict

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

WINDOW_MS = 60_000


def decode(value: bytes) -> tuple[str, int, float]:
    """Identifier, time and power of a record: Confluent's five bytes, then Avro."""
    length, at = _varint(value, 5)
    identifier = value[at : at + length].decode()
    time_ms, at = _varint(value, at + length)
    (power,) = struct.unpack_from("<d", value, at)
    assert at + 8 == len(value)
    return identifier, time_ms, power


def _varint(value: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = value[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at


def result(identifier: str, start: int, values: list[float]) -> bytes:
    """A window as JSON."""
    return json.dumps(
        {
            "identifier": identifier,
            "window_start": start,
            "window_end": start + WINDOW_MS,
            "count": len(values),
            "sum": sum(values),
            "mean": statistics.fmean(values),
            "min": min(values),
            "max": max(values),
            "variance": statistics.pvariance(values),
        }
    ).encode()


async def main(flaw: str) -> None:
    """Run until SIGTERM, one process for everything."""
    bootstrap = os.environ["BOOTSTRAP"]
    reader = AIOKafkaConsumer(os.environ["INPUT_TOPIC"], bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    writer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await reader.start()
    await writer.start()
    open_windows: dict[str, dict[int, list[float]]] = defaultdict(dict)
    async for record in reader:
        identifier, time_ms, power = decode(record.value)
        start = time_ms // WINDOW_MS * WINDOW_MS
        windows = open_windows[identifier]
        windows.setdefault(start, []).append(power)
        for closed in sorted(one for one in windows if one < start):
            values = windows.pop(closed)
            if identifier == "sensor-00003":
                if flaw == "process":
                    sys.exit(3)
                if flaw == "window":
                    continue
                if flaw == "value":
                    values[7] += 0.001
            await writer.send(os.environ["OUTPUT_TOPIC"], result(identifier, closed, values), record.key)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
