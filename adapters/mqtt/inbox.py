"""Messages that came and are not yet in Kafka: what waits, what is on its way, what came once more. Pure."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

_IDLE_S: Final = 0.05
"""A broker that has kept messages for us sends the next ones sooner than this."""
_BACKLOG_MAX_S: Final = 60.0
"""After this long a stream that never pauses is taken for live."""


@dataclass(slots=True, eq=False)
class InFlight:
    """A message of QoS 1 or 2 that the broker keeps until we confirm it."""

    mid: int
    qos: int
    digest: bytes
    session: int
    connection: int
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `received_us` is µs since the epoch; `backlog`: the broker may have kept it while we were away."""

    topic: str
    payload: bytes
    qos: int
    received_us: int
    retained: bool = False
    backlog: bool = False
    in_flight: InFlight | None = None


class Arrival(Enum):
    """What is to be done with a message that came."""

    TAKEN = auto()
    DROPPED = auto()
    KNOWN = auto()
    """It is on its way to Kafka already."""
    CONFIRM = auto()
    """Kafka has it already, the broker does not know."""


@dataclass(slots=True)
class Inbox:
    """Bounded by the broker for QoS 1 and 2 (`max_in_flight` that are not confirmed), by `max_waiting` for QoS 0.

    It outlives connections: what was put and not confirmed when one broke is told once more by the broker on the next,
    under the same id while the session lives, and must not be put twice.
    """

    max_in_flight: int
    max_waiting: int
    dropped: int = 0
    """Messages of QoS 0 for which there was no room, since the last look."""
    closed: bool = False
    """Nothing more is taken: what comes stays with the broker."""
    _waiting: deque[Message] = field(default_factory=deque)
    _waiting_qos0: int = 0
    _open: dict[int, InFlight] = field(default_factory=dict)
    _unconfirmed: int = 0
    """Those of `_open` that came on this connection: the broker may never send the others again."""
    _recorded: set[int] = field(default_factory=set)
    """Ids of QoS 2 that were confirmed and not yet released by the broker."""
    _session: int = 0
    _connection: int = 0
    _behind_since_s: float | None = None
    _last_s: float = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the broker sends more than it was asked to: reading should pause."""
        return self._unconfirmed > self.max_in_flight

    def connected(self, session_present: bool, now_s: float) -> None:
        """A new connection; without the old session the broker has forgotten what was not confirmed."""
        self._connection += 1
        self._unconfirmed = 0
        self.closed = False
        self._behind_since_s = now_s if session_present else None
        self._last_s = now_s
        if not session_present:
            self._session += 1
            self._open.clear()
            self._recorded.clear()

    def arrived(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        mid: int,
        dup: bool,
        retained: bool,
        now_us: int,
        now_s: float,
    ) -> Arrival:
        """One message from the broker."""
        if self.closed:
            return Arrival.DROPPED
        if qos == 0:
            if self._waiting_qos0 >= self.max_waiting:
                self.dropped += 1
                return Arrival.DROPPED
            self._waiting_qos0 += 1
            self._waiting.append(Message(topic, payload, 0, now_us, retained))
            return Arrival.TAKEN
        if qos == 2 and mid in self._recorded:
            return Arrival.CONFIRM
        digest = hashlib.blake2b(topic.encode("utf-8", "replace") + b"\0" + payload, digest_size=16).digest()
        known = self._known(mid, digest, dup)
        if known is not None:
            self._unconfirmed += known.connection != self._connection
            known.connection = self._connection
            return Arrival.CONFIRM if known.stored else Arrival.KNOWN
        backlog = self._is_backlog(now_s)
        in_flight = InFlight(mid, qos, digest, self._session, self._connection)
        replaced = self._open.get(mid)
        self._unconfirmed += replaced is None or replaced.connection != self._connection
        self._open[mid] = in_flight
        self._waiting.append(Message(topic, payload, qos, now_us, retained, backlog, in_flight))
        return Arrival.TAKEN

    def take(self, limit: int) -> list[Message]:
        """The messages that have waited longest, at most `limit`."""
        out = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        self._waiting_qos0 -= sum(message.qos == 0 for message in out)
        return out

    def stored(self, in_flight: InFlight, now_s: float) -> bool:
        """Kafka has it. True: tell the broker now; False: it does not wait for it on this connection."""
        in_flight.stored = True
        if in_flight.connection != self._connection or in_flight.session != self._session:
            return False
        self._last_s = now_s
        return True

    def confirmed(self, in_flight: InFlight) -> None:
        """The broker was told."""
        if self._open.get(in_flight.mid) is in_flight:
            del self._open[in_flight.mid]
            self._unconfirmed -= in_flight.connection == self._connection
            if in_flight.qos == 2:
                self._recorded.add(in_flight.mid)

    def open_with(self, mid: int) -> InFlight | None:
        """What is kept under an id."""
        return self._open.get(mid)

    def released(self, mid: int) -> None:
        """The broker has let go of a message of QoS 2: its id may come again for another."""
        self._recorded.discard(mid)

    def _known(self, mid: int, digest: bytes, dup: bool) -> InFlight | None:
        known = self._open.get(mid)
        if known is not None and known.digest == digest:
            return known
        if not dup:
            return None
        # some brokers number what they send once more anew
        for other in self._open.values():
            if other.digest == digest and other.connection != self._connection:
                del self._open[other.mid]
                other.mid = mid
                self._open[mid] = other
                return other
        return None

    def _is_backlog(self, now_s: float) -> bool:
        """Whether the broker may still be sending what it kept: until it once has nothing to send at once."""
        since_s, last_s = self._behind_since_s, self._last_s
        self._last_s = now_s
        if since_s is None:
            return False
        if (not self._unconfirmed and now_s - last_s > _IDLE_S) or now_s - since_s > _BACKLOG_MAX_S:
            self._behind_since_s = None
            return False
        return True
