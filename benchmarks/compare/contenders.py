"""Who takes part, and how each is started. What every process is told: benchmarks/README.md, "the contract"."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.compare import java
from benchmarks.compare.workload import Place
from ironstream.bench.deployment import environment
from ironstream.commands.children import ironstream, python
from ironstream.errors import ConfigurationError

Started = tuple[list[str], dict[str, str]]
"""Command of a process, and its variables beside those of the workload."""

_PEERS: Final = Path(__file__).parents[1] / "peers"
_PEERS_PYTHON: Final = _PEERS / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Contender:
    """One contender on one workload. `prepare` builds what it needs, or says what is missing (None: nothing).

    `most`: largest short and long run for a slow one, which would take hours over those of the others. Its figures are
    still those of the difference.
    """

    name: str
    title: str
    commands: Callable[[Place], list[Started]]
    prepare: Callable[[], str | None] = lambda: None
    most: tuple[int, int] | None = None

    def sizes(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """Records of its short and long run."""
        return wanted if self.most is None else (min(wanted[0], self.most[0]), min(wanted[1], self.most[1]))


def contract(place: Place, process: int | None = None) -> dict[str, str]:
    """Variables of a process; with `process`, one of several, it has a folder of its own."""
    data = place.folder / "data" if process is None else place.folder / f"data-{process}"
    data.mkdir(exist_ok=True)
    return {
        "BOOTSTRAP": place.bootstrap,
        "APPLICATION_ID": place.name,
        "DATA_DIR": str(data),
        "PARALLELISM": str(place.parallelism),
    }


def _java(name: str, title: str, jar: java.Jar, main: str, *arguments: str) -> Contender:
    def commands(place: Place) -> list[Started]:
        return [(java.command(jar, main, *arguments), contract(place))]

    return Contender(name, title, commands, java.build)


def _script(name: str, title: str, file: str, most: tuple[int, int], *, launches_itself: bool = False) -> Contender:
    """A Python peer: one process per unit of parallelism, unless the script launches them itself."""
    path = _PEERS / "python" / file

    def commands(place: Place) -> list[Started]:
        processes = 1 if launches_itself else place.parallelism
        return [([str(_PEERS_PYTHON), str(path)], contract(place, number)) for number in range(processes)]

    def missing() -> str | None:
        if not path.exists():
            return f"benchmarks/peers/python/{file} is not there"
        return None if _PEERS_PYTHON.exists() else "benchmarks/peers/.venv is not there: run `make peers-venv`"

    return Contender(name, title, commands, missing, most)


def _ironstream_power(place: Place) -> list[Started]:
    return [(python("-m", "ironstream.bench.uc2"), contract(place)) for _ in range(place.parallelism)]


def _ironstream_power_missing() -> str | None:
    return None if importlib.util.find_spec("ironstream.bench.uc2") else "ironstream.bench.uc2 is not there"


def _ironstream_workers(place: Place) -> list[Started]:
    return [(ironstream("worker"), environment(place.settings)) for _ in range(place.parallelism)]


_STREAMS_POWER: Final = "ironstream.peers.streams.PowerStreams"
_STREAMS_PLANT: Final = "ironstream.peers.streams.PlantStreams"
_FLINK_POWER: Final = "ironstream.peers.flink.PowerFlink"
_FLINK_PLANT: Final = "ironstream.peers.flink.PlantFlink"

_PIPELINE: Final = (
    Contender("ironstream", "ironstream", _ironstream_workers),
    _java("streams", "Kafka Streams, Processor API", java.STREAMS, _STREAMS_PLANT),
    _java("flink", "Flink, heap state", java.FLINK, _FLINK_PLANT, "hashmap"),
    _java("flink-rocksdb", "Flink, RocksDB state", java.FLINK, _FLINK_PLANT, "rocksdb"),
)

CONTENDERS: Final[dict[str, Sequence[Contender]]] = {
    "w1": (
        Contender("ironstream", "ironstream", _ironstream_power, _ironstream_power_missing),
        _java("streams-caching", "Kafka Streams, caching", java.STREAMS, _STREAMS_POWER, "caching"),
        _java("streams-suppress", "Kafka Streams, suppress", java.STREAMS, _STREAMS_POWER, "suppress"),
        _java("flink", "Flink, heap state", java.FLINK, _FLINK_POWER, "hashmap"),
        _java("flink-rocksdb", "Flink, RocksDB state", java.FLINK, _FLINK_POWER, "rocksdb"),
        _script("quix", "Quix Streams", "quix_uc2.py", (600_000, 1_800_000)),
        _script("bytewax", "Bytewax", "bytewax_uc2.py", (600_000, 1_800_000), launches_itself=True),
        _script("faust", "plain Faust", "faust_uc2.py", (600_000, 1_200_000)),
    ),
    "w2": _PIPELINE,
    "w3": _PIPELINE,
}


def chosen(workload: str, only: Sequence[str]) -> list[Contender]:
    """Contenders of a workload, those of `only` when any are named. Raises ConfigurationError for unknown names."""
    known = {contender.name: contender for contender in CONTENDERS[workload]}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)}: no contender of {workload}.", f"There are: {', '.join(known)}."
        )
    return [known[name] for name in only] if only else list(known.values())
