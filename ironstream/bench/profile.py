"""Where a worker's time went: what `profiled_worker` writes and `bench pipeline` shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ironstream.bench.deployment import BenchError

MAIN_STEPS: Final = ("unpack", "decode", "stages", "encode", "produce", "free", "commit")
"""Steps of the main thread, which is the one that limits a worker."""
THREAD_STEPS: Final = ("fetch", "store")
"""Steps of other threads, in CPU time: reading from Kafka, writing RocksDB."""


class Profile(msgspec.Struct, frozen=True):
    """One worker, from its first chunk of readings to its last. `seconds` holds the steps of both kinds."""

    elapsed_s: float
    main_thread_cpu_s: float
    chunks: int
    records: int
    seconds: dict[str, float]


class Split(msgspec.Struct, frozen=True):
    """All workers together. Seconds are summed over workers, and so is `elapsed_s`.

    `seconds` has every step, and `other`: what is left of the main threads' time, in which they run the event loop,
    sockets and Faust, or wait.
    """

    elapsed_s: float
    main_thread_cpu_s: float
    records_per_chunk: float
    seconds: dict[str, float]

    def share(self, step: str) -> float:
        """Part of the elapsed time that a step took."""
        return self.seconds[step] / self.elapsed_s if self.elapsed_s else 0.0


def read_profile(path: Path) -> Profile:
    """A profile that a worker wrote when it stopped. Raises BenchError when it did not."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except (OSError, msgspec.DecodeError) as err:
        raise BenchError(
            f"A worker did not say where its time went: {err}", "It was stopped by force; measure with --no-profile."
        ) from err


def split(profiles: Sequence[Profile]) -> Split:
    """Several workers' profiles as one."""
    total = {step: sum(one.seconds.get(step, 0.0) for one in profiles) for step in MAIN_STEPS + THREAD_STEPS}
    elapsed = sum(one.elapsed_s for one in profiles)
    total["other"] = elapsed - sum(total[step] for step in MAIN_STEPS)
    chunks = sum(one.chunks for one in profiles)
    return Split(
        elapsed_s=elapsed,
        main_thread_cpu_s=sum(one.main_thread_cpu_s for one in profiles),
        records_per_chunk=sum(one.records for one in profiles) / max(1, chunks),
        seconds=total,
    )
