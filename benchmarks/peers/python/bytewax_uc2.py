"""W1 in Bytewax: 60 s tumbling windows per sensor, results when a window is closed.

Run as a script it starts a cluster of PARALLELISM processes with Bytewax's own runner, and ends them on SIGTERM. State
is in recovery partitions (SQLite) under DATA_DIR, with a snapshot every 10 s.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.recovery import init_db_dir
from uc2 import WINDOW_MS, decoder, result

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SNAPSHOT_S: Final = 10
_STOP_S: Final = 20

Power = tuple[int, float]
"""Time in ms and power in W."""
State = tuple[int, float, float, float, float, int]
"""Count, sum, sum of squares, min, max, time of a record of the window in ms."""


def _fold(state: State, power: Power) -> State:
    count, total, squares, least, most, _ = state
    time_ms, watts = power
    return (
        count + 1,
        total + watts,
        squares + watts * watts,
        watts if watts < least else least,
        watts if watts > most else most,
        time_ms,
    )


def _merge(one: State, other: State) -> State:
    """Combine two windows; asked for by the operator, though tumbling windows never merge."""
    return (
        one[0] + other[0],
        one[1] + other[1],
        one[2] + other[2],
        min(one[3], other[3]),
        max(one[4], other[4]),
        max(one[5], other[5]),
    )


def _output(closed: tuple[str, tuple[int, State]]) -> KafkaSinkMessage[bytes, bytes]:
    identifier, (_, (count, total, squares, least, most, time_ms)) = closed
    value = result(identifier, time_ms - time_ms % WINDOW_MS, count, total, squares, least, most)
    return KafkaSinkMessage(identifier.encode(), orjson.dumps(value))


def build() -> Dataflow:
    """The dataflow, from the environment; `bytewax.run` calls it in each process."""
    brokers = os.environ["BOOTSTRAP"].split(",")
    decode = decoder()

    def powers(messages: list[Any]) -> Iterable[tuple[str, Power]]:
        decoded = []
        for message in messages:
            record = decode(message.value)
            decoded.append((record["identifier"], (record["timestamp"], record["valueInW"])))
        return decoded

    # The clock of events alone. Bytewax would let time go on between records as the machine's clock does: a backlog
    # that is worked off slower than it came about would find its own windows closed.
    now = datetime.now(UTC)
    clock: EventClock[Power] = EventClock(
        ts_getter=lambda power: datetime.fromtimestamp(power[0] / 1000, UTC),
        wait_for_system_duration=timedelta(0),
        now_getter=lambda: now,
        to_system_utc=lambda _: None,
    )
    flow = Dataflow("uc2")
    messages = op.input("power", flow, KafkaSource(brokers, [os.environ["INPUT_TOPIC"]]))
    windows = fold_window(
        "statistics",
        op.flat_map_batch("decode", messages, powers),
        clock,
        TumblingWindower(timedelta(milliseconds=WINDOW_MS), _EPOCH),
        lambda: (0, 0.0, 0.0, float("inf"), float("-inf"), 0),
        _fold,
        _merge,
        ordered=False,  # sums do not ask for the order
    )
    op.output("out", op.map("encode", windows.down, _output), KafkaSink(brokers, os.environ["OUTPUT_TOPIC"]))
    return flow


def _addresses(count: int) -> str:
    """Free ports for the processes of a cluster, all different, as its runner takes them."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return ";".join(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


def main() -> int:
    """Run the cluster until SIGTERM, or until one of its processes ends, which is an error."""
    processes = int(os.environ.get("PARALLELISM", "1"))
    recovery = Path(os.environ["DATA_DIR"]) / "recovery"
    if not recovery.exists():
        recovery.mkdir(parents=True)
        init_db_dir(recovery, processes)
    command = [sys.executable, "-m", "bytewax.run", f"{__file__}:build()"]
    command += ["-r", str(recovery), "-s", str(_SNAPSHOT_S), "-b", "0"]
    if processes > 1:
        command += ["-a", _addresses(processes)]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    children = [
        subprocess.Popen([*command, "-i", str(number)] if processes > 1 else command, preexec_fn=_unblock)
        for number in range(processes)
    ]
    received = signal.sigwait({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
    return 1 if received == signal.SIGCHLD else 0


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})


if __name__ == "__main__":
    sys.exit(main())
