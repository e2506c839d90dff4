from __future__ import annotations

from collections.abc import Callable

from ironstream.rollout.watch.judge import Health
from ironstream.rollout.watch.tally import Tally, together
from ironstream.topology.model import Canary

LIMITS = Canary(watch_s=60, silent_after_s=15)
NOW = 1_000_000
A, B = "t/s/a/p", "t/s/b/p"


def tally(first: int = 100) -> Tally:
    return Tally(first, LIMITS)


def unknown(name: str) -> int | None:
    return 0


class Log:
    """A log of one partition: a record a call."""

    def __init__(self, first: int = 100) -> None:
        self.tally = tally(first)
        self.offset = first

    def reading(self, at_s: float, *names: str | None, bad: int = 0) -> int:
        return self._next(at_s, lambda ms: self.tally.reading(ms, names, bad))

    def tick(self, at_s: float) -> int:
        return self._next(at_s, lambda ms: None)

    def switch(self, at_s: float) -> int:
        return self._next(at_s, lambda ms: self.tally.switched(self.offset, ms))

    def _next(self, at_s: float, take: Callable[[int], None]) -> int:
        at_ms = NOW + round(at_s * 1000)
        take(at_ms)
        self.tally.passed(self.offset, at_ms)
        self.offset += 1
        return self.offset - 1

    def is_over(self) -> bool:
        return self.tally.is_over

    def health(self, interval_ms: Callable[[str], int | None] = unknown) -> tuple[Health, Health]:
        return self.tally.health(interval_ms)


def test_readings_and_dead_letters_are_parted_by_the_record_of_the_change() -> None:
    log = Log()
    first = log.reading(1, A)
    log.switch(2)
    second = log.reading(3, A, B, bad=1)
    log.reading(4, None)
    for offset, reason in ((first, "range"), (second, "range"), (second + 1, "malformed"), (7, "range")):
        log.tally.dead_letter(offset, reason)
    before, since = log.health()
    assert (before.readings, before.bad, before.refused) == (1, {"range": 1}, {})
    assert (since.readings, since.bad, since.refused) == (3, {"device_quality": 1, "range": 1}, {"malformed": 1})
    assert log.health() == (before, since)


def test_a_dead_letter_counts_once_its_record_has_been_read() -> None:
    log = Log()
    for _ in range(2):
        # a worker that takes over writes it again
        log.tally.dead_letter(101, "range")
    log.switch(1)
    assert log.health()[1].bad == {}
    log.reading(2, A)
    assert log.health()[1].bad == {"range": 1}


def test_a_series_is_silent_after_three_of_its_longest_pauses_by_the_logs_clock() -> None:
    log = Log()
    for at_s in range(0, 30, 10):
        log.reading(at_s, A, B)
    log.switch(21)
    log.reading(31, A)
    log.tick(49)
    assert log.health()[1].silent == ()
    log.tick(51)
    assert log.health()[1] == Health(1, series=2, silent=(B,))
    assert log.health(lambda name: None if name == B else 0)[1] == Health(1, series=1)
    assert log.health(lambda name: 11_000)[1] == Health(1, series=2)
    # the worker is away: there is no clock, and then no silence
    assert log.health()[1].silent == (B,)


def test_a_series_is_spoiled_when_most_of_its_readings_are_refused_that_were_not_before() -> None:
    log = Log()
    c = "t/s/c/p"
    for at_s in range(4):
        log.reading(at_s, A, B)
        log.tally.dead_letter(log.reading(at_s, c), "range", f"{c}: value 99")
    log.switch(4)
    for at_s in range(4, 10):
        log.tally.dead_letter(log.reading(at_s, A), "range", f"{A}: value 99")
        log.tally.dead_letter(log.reading(at_s, c), "range", f"{c}: value 99")
        offset = log.reading(at_s, B)
        if at_s < 6:
            log.tally.dead_letter(offset, "range", f"{B}: value 99")
        if at_s == 7:
            assert log.health()[1].spoiled == ()
    assert (log.health()[1].spoiled, log.health()[1].silent) == ((A,), ())


def test_what_was_silent_before_or_begins_since_is_not_waited_for() -> None:
    log = Log()
    log.reading(0.1, B)
    log.reading(0.2, B)
    for at_s in range(0, 40):
        log.reading(at_s, A)
    log.switch(40)
    log.reading(41, A, "t/s/c/p")
    log.tick(80)
    assert log.health()[1].silent == (A,)
    assert log.health()[1].series == 1


def test_of_a_series_that_was_heard_once_only_a_declared_interval_tells_when_it_is_silent() -> None:
    log = Log()
    log.reading(29, A)
    log.switch(30)
    log.tick(60)
    assert log.health()[1] == Health()
    assert log.health(lambda name: 1_000)[1] == Health(series=1, silent=(A,))


def test_a_series_that_paused_when_the_change_came_has_more_time() -> None:
    log = Log()
    for at_s in range(17):
        log.reading(at_s, A)
    log.switch(30)
    log.tick(50)
    assert log.health()[1] == Health(series=1)
    log.tick(59)
    assert log.health()[1] == Health(series=1, silent=(A,))


def test_what_comes_after_the_end_of_the_watch_is_not_judged() -> None:
    log = Log()
    log.reading(0, A)
    log.reading(1, A)
    log.switch(2)
    log.reading(61, A)
    assert not log.is_over()
    late = log.reading(62.001, A, bad=1)
    log.tally.dead_letter(late, "malformed")
    log.tick(200)
    assert log.is_over()
    assert log.health()[1] == Health(1, series=1)


def test_partitions_are_judged_as_one() -> None:
    one = Health(2, {"malformed": 1}, {"range": 1}, 1, (B,))
    assert together((one, Health(3, {}, {"range": 2}, 2, (A,), is_late=True))) == Health(
        5, {"malformed": 1}, {"range": 3}, 3, (A, B), is_late=True
    )
