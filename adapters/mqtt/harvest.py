"""What was made of a batch of messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.mqtt.inbox import Message
from adapters.mqtt.link import Publication, Subscription
from ironstream.gateway.adapter import Fault, Point, Refused, Sample


@dataclass(slots=True)
class Harvest:
    """Samples to send, faults to count, payloads that nobody can read, and what the broker is to be told."""

    samples: list[Sample] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)

    def refuse(self, message: Message, why: str) -> None:
        """The message cannot be read; its bytes are kept as a dead letter."""
        self.faults.append(Fault("protocol", f"{message.topic[:200]}: {why}"))
        self.refused.append(Refused(f"mqtt:{message.topic}", message.payload, why, message.received_us))

    def note(self, message: Message, why: str, kind: str = "protocol") -> None:
        """A part of the message is left out; the rest is sent."""
        self.faults.append(Fault(kind, f"{message.topic[:200]}: {why}"))


class Interpreter(Protocol):
    """What topics and payloads mean. Does no I/O; `now_s` is the caller's monotonic clock, times in µs are UTC."""

    @property
    def points(self) -> Sequence[Point]:
        """All points known so far."""

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """What to ask the broker for."""

    def connected(self, now_s: float, now_us: int) -> list[Publication]:
        """A new connection stands; what to tell the broker."""

    def interpret(self, message: Message, into: Harvest, now_s: float) -> None:
        """Take one message. Raises nothing, whatever it holds."""

    def due_s(self) -> float | None:
        """When `tick` has something to do if nothing comes before; None: never."""

    def tick(self, into: Harvest, now_s: float, now_us: int) -> None:
        """What follows from time alone."""

    def drain(self, into: Harvest, now_s: float, now_us: int) -> None:
        """Reading stops: give what still waits for something."""

    def will(self, now_us: int) -> tuple[Publication, Publication] | None:
        """What the broker tells when we are gone, and what we tell when we have come; None: nothing."""
