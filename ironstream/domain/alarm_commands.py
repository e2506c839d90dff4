"""What an operator's command makes of one alarm. A command that cannot be carried out raises `Impossible` with why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ironstream.domain.alarms import Alarm, Cause, Remark, Shelf, State, Suppression, Transition, close, move, release
from ironstream.domain.times import to_iso


class Impossible(Exception):
    """The command makes no sense for the alarm as it is; the text says why and what would."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who asked for something, when (µs) and by which record; `now_ms` is the log's clock when it is carried out."""

    actor: str
    time_us: int
    cause: Cause
    now_ms: int
    comment: str | None = None
    reason: str | None = None

    @property
    def remark(self) -> Remark:
        """What the journal says of it."""
        return Remark(self.actor, self.comment, self.reason)


def acknowledge(alarm: Alarm, order: Order) -> tuple[Alarm, Transition]:
    """ACTIVE becomes ACKNOWLEDGED; CLEARED_UNACKED becomes CLEARED."""
    if alarm.state == "ACKNOWLEDGED":
        at = f" at {to_iso(alarm.acked_us)}" if alarm.acked_us is not None else ""
        raise Impossible(f"{alarm.acked_by} has acknowledged it already{at}")
    if alarm.state == "CLEARED":
        raise Impossible("the alarm has cleared: there is nothing left to acknowledge")
    if alarm.state == "SUPPRESSED":
        raise Impossible("the alarm is shelved or suppressed: unshelve it first")
    alarm = replace(alarm, acked_us=order.time_us, acked_by=order.actor)
    if alarm.state == "CLEARED_UNACKED":
        return close(alarm, order.time_us, order.cause, order.now_ms, order.remark)
    return _move(alarm, "ACKNOWLEDGED", order)


def shelve(alarm: Alarm, shelf: Shelf, suppression: Suppression | None, order: Order) -> tuple[Alarm, Transition]:
    """Any standing alarm becomes SUPPRESSED until the shelf ends; a shelved one gets the new expiry."""
    if alarm.state == "CLEARED":
        raise Impossible("the alarm has cleared: there is nothing to shelve (suppress its asset to silence what comes)")
    until_ms = max(shelf.until_ms, suppression.until_ms) if suppression else shelf.until_ms
    return _move(replace(alarm, shelf=shelf), "SUPPRESSED", order, until_ms)


def unshelve(alarm: Alarm, suppression: Suppression | None, order: Order) -> tuple[Alarm, Transition]:
    """SUPPRESSED ends now: ACTIVE where the condition is true, else CLEARED."""
    if alarm.state != "SUPPRESSED":
        raise Impossible(f"the alarm is {alarm.state}, not shelved")
    if suppression is not None:
        raise Impossible(
            f"its asset is suppressed until {to_iso(suppression.until_ms * 1000)}: unshelve the asset {alarm.key.asset}"
        )
    return unshelve_with_asset(alarm, order)


def unshelve_with_asset(alarm: Alarm, order: Order) -> tuple[Alarm, Transition]:
    """What the end of the suppression of its asset does to an alarm that nothing else holds SUPPRESSED."""
    remark = replace(order.remark, reason=order.reason or "unshelved")
    return release(alarm, order.time_us, order.cause, order.now_ms, remark)


def suppress_with_asset(alarm: Alarm, until_ms: int, before_ms: int | None, order: Order) -> Transition | None:
    """What the suppression of its asset does to a standing alarm; None where nothing changes.

    `before_ms` is when an earlier suppression of the asset, which this one replaces, would have ended. A shelf of the
    alarm's own is kept, and the alarm stays SUPPRESSED as long as either holds.
    """
    if alarm.state == "CLEARED":
        return None
    own_ms = alarm.shelf.until_ms if alarm.shelf else 0
    effective_ms = max(own_ms, until_ms)
    if alarm.state == "SUPPRESSED" and effective_ms == max(own_ms, before_ms or 0):
        return None
    return _move(alarm, "SUPPRESSED", order, effective_ms)[1]


def annotate(alarm: Alarm, suppression: Suppression | None, order: Order) -> tuple[Alarm, Transition]:
    """Write a comment into the journal of the latest occurrence; its state stays what it is."""
    if alarm.state != "SUPPRESSED":
        return _move(alarm, alarm.state, order)
    own_ms = alarm.shelf.until_ms if alarm.shelf else 0
    return _move(alarm, alarm.state, order, max(own_ms, suppression.until_ms if suppression else 0))


def _move(alarm: Alarm, state: State, order: Order, until_ms: int | None = None) -> tuple[Alarm, Transition]:
    return move(alarm, state, order.time_us, order.cause, order.remark, until_ms)
