"""What a workload is to the harness: topics, and for a finite input an expectation that knows when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord

from ironstream.settings import Settings, load_settings
from ironstream.topics import TopicSpec

PARTITIONS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of one contender happens. Everything in Kafka that belongs to it begins with `name`."""

    name: str
    bootstrap: str
    folder: Path
    parallelism: int

    def topic(self, name: str) -> str:
        """Name in Kafka of a topic of this run."""
        return f"{self.name}.{name}"

    @property
    def settings(self) -> Settings:
        """Those of ironstream's processes and clients in this run; its topology is what the work wrote there."""
        return load_settings(
            bootstrap=self.bootstrap, topic_prefix=self.topic(""), partitions=PARTITIONS,
            application_id=self.name, data_dir=self.folder / "data", topology=self.folder / "topology.yaml",
        )  # fmt: skip


class Check(Protocol):
    """What must be on the output topics of one run, told record by record."""

    @property
    def read(self) -> Sequence[str]:
        """Topics that are read while the contender works (names within the run)."""

    @property
    def counted(self) -> dict[str, int]:
        """Topics of which only the number of records is looked at meanwhile, and how many there must be."""

    def feed(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        """Take records of a topic, in the order of their partition."""

    @property
    def complete(self) -> bool:
        """Whether every output that was expected has been read with its final value."""

    def faults(self) -> list[str]:
        """Every way in which all that was read differs from what it should be; asked once all topics were read."""


class Load(Protocol):
    """The input of one size."""

    @property
    def records(self) -> int:
        """Records that count; those that only close windows are not in it."""

    async def write(self, producer: AIOKafkaProducer, place: Place) -> None:
        """Write the input; returns when the broker has acknowledged all of it."""

    def check(self, place: Place) -> Check:
        """A fresh expectation."""


class Work(Protocol):
    """One kind of work."""

    @property
    def name(self) -> str:
        """What the command calls it."""

    @property
    def title(self) -> str:
        """What it is, for people."""

    def topics(self, place: Place) -> list[TopicSpec]:
        """Topics that must exist before a contender starts."""

    def environment(self, place: Place) -> dict[str, str]:
        """The contract's variables of this workload; may write files into the folder of the run."""


class Workload(Work, Protocol):
    """Work on an input that is all there before a contender starts."""

    sizes: tuple[int, int]
    """Records of the short and the long run, unless others are asked for."""

    def load(self, records: int) -> Load:
        """The input of about so many records. Raises ConfigurationError when there are too few to compare anything."""
