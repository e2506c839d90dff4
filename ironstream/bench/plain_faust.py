"""The quality checks as an ordinary Faust agent with an ordinary RocksDB table, one event at a time: the baseline.

`python -m ironstream.bench.plain_faust` runs it as a worker with the settings of the environment. It decodes, checks
range, rate of change, duplicate, stuck and gap, and sends clean readings or dead letters. What else ironstream does
(windows, conditions, state that never counts twice) it does not.
"""

from __future__ import annotations

import math
from typing import Any, Final

import faust
import msgspec
from yarl import URL

from ironstream.contract import Reading
from ironstream.domain.times import to_iso, to_us
from ironstream.settings import Settings, load_settings

RAW: Final = "bench.plain.raw"
CLEAN: Final = "bench.plain.clean"
DEAD: Final = "bench.plain.dlq"
EVENTS: Final = "bench.plain.events"

_LOW: Final = 0.0
_HIGH: Final = 100.0
_MOST_STEP: Final = 45.0
_MOST_RATE: Final = 110.0
_STUCK_AFTER_US: Final = 60_000_000
_EXPECTED_US: Final = 100_000

_decode = msgspec.json.Decoder(Reading).decode
_encode = msgspec.json.Encoder().encode


def build(settings: Settings) -> faust.App:
    """The app: one agent, one table, as Faust's own documentation writes them."""
    prefix, partitions = settings.topic_prefix, settings.partitions
    app = faust.App(
        f"{prefix}plain",
        broker=[URL(f"kafka://{server}") for server in settings.bootstrap.split(",")],
        store="rocksdb://",
        datadir=str(settings.data_dir / "plain"),
        origin=None,
        autodiscover=False,
        web_enabled=False,
        topic_partitions=partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        cython_optimizations=True,
    )
    raw, clean, dead, events = (
        app.topic(prefix + name, key_serializer="raw", value_serializer="raw", partitions=partitions)
        for name in (RAW, CLEAN, DEAD, EVENTS)
    )
    table = app.Table(
        f"{prefix}plain-series",
        partitions=partitions,
        options={"driver": "rocksdict"},
    )

    @app.agent(raw)
    async def check(stream: Any) -> None:
        async for event in stream.events():
            try:
                reading = _decode(event.value)
                time_us = to_us(reading.timestamps.device_time or "")
                value = float(reading.value) if reading.value is not None else math.nan
            except (msgspec.MsgspecError, ValueError):
                await dead.send(key=event.key, value=event.value)
                continue
            series = f"{event.key.decode()}/{reading.parameter}"
            last = table.get(series)
            verdict = _check(reading, time_us, value, last)
            if verdict is None:
                continue
            row, reasons, bad, gap = verdict
            table[series] = row
            if gap:
                told = {"asset_id": reading.asset_id, "type": "gap", "actual_gap_us": gap}
                await events.send(key=event.key, value=_encode(told))
            if bad:
                await dead.send(key=event.key, value=event.value)
                continue
            reading.quality, reading.quality_reasons = "SUSPECT" if reasons else "GOOD", reasons
            reading.timestamps.kafka_time = to_iso(int(event.message.timestamp * 1e6))
            await clean.send(key=event.key, value=_encode(reading))

    return app


Verdict = tuple[dict[str, Any], list[str], bool, int]
"""The series' new row, reasons, whether the reading is bad, and how long the gap before it was (0: none)."""


def _check(reading: Reading, time_us: int, value: float, last: dict[str, Any] | None) -> Verdict | None:
    """All checks of one reading against the row of its series; None for a duplicate."""
    boot, seq = (reading.metadata.boot, reading.metadata.seq or 0) if reading.metadata else (None, 0)
    reasons: list[str] = []
    if last is None:
        bad = not _LOW <= value <= _HIGH
        return {"time": time_us, "value": value, "since": time_us, "boot": boot, "seq": seq}, reasons, bad, 0
    # The cheapest check there is; ironstream knows each of the last 4 096 by name, whatever order they come in.
    if boot == last["boot"] and seq <= last["seq"]:
        return None
    elapsed_us, step = time_us - last["time"], abs(value - last["value"])
    if step > _MOST_STEP or (elapsed_us > 0 and step / elapsed_us * 1e6 > _MOST_RATE):
        reasons.append("rate_of_change")
    since = last["since"] if value == last["value"] else time_us
    if time_us - since >= _STUCK_AFTER_US:
        reasons.append("stuck")
    row = {"time": time_us, "value": value, "since": since, "boot": boot, "seq": seq}
    gap = elapsed_us if elapsed_us > 2 * _EXPECTED_US else 0
    return row, reasons, not _LOW <= value <= _HIGH, gap


def topics() -> list[str]:
    """Topics that must exist before it runs, without prefix; Faust makes the table's changelog itself."""
    return [RAW, CLEAN, DEAD, EVENTS]


def main() -> None:
    """Run the worker until SIGTERM."""
    settings = load_settings()
    # Faust makes the last folder of the path alone
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app: Any = build(settings)
    app.conf.Worker(app, quiet=True, loglevel="warn").execute_from_commandline()


if __name__ == "__main__":
    main()
