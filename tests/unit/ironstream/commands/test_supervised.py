"""Children that come, die and go, by a clock of the test's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from ironstream.commands import supervised
from ironstream.commands.children import Child
from ironstream.commands.signals import Stop
from ironstream.commands.supervised import supervise
from ironstream.errors import ConfigurationError


class Acting(Child):
    """A child without a process; `log` tells what was done to all of them."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__(name, [], Path(f"{name}.log"))
        self.code: int | None = 0
        self.asked = False
        self._log = log

    @property
    def running(self) -> bool:
        return self.code is None

    @property
    def exit_code(self) -> int | None:
        return self.code

    def start(self) -> None:
        self.code = None
        self._log.append(f"start {self.name}")

    def terminate(self) -> None:
        self._log.append(f"ask {self.name}")

    def stop(self, timeout_s: float = 0.0) -> None:
        self._log.append(f"stop {self.name}")

    def kill(self) -> None:
        self.code = 137
        self._log.append(f"kill {self.name}")

    def last_words(self, lines: int = 12) -> str:
        return "    no such plant"


class Script(Stop):
    """Does a step of the test each time that the supervisor would wait, and asks for the end after the last one."""

    def __init__(self, clock: SimpleNamespace, *steps: tuple[float, Callable[[], object]]) -> None:
        super().__init__()
        self._clock = clock
        self._steps = list(steps)

    def wait(self, timeout_s: float) -> bool:
        if self._steps:
            self._clock.now_s, step = self._steps.pop(0)
            step()
        else:
            self.request()
        return self.requested


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr(supervised, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO())


def nothing() -> None:
    """A step in which only time passes."""


def test_what_dies_is_started_again_later_each_time(clock: SimpleNamespace, console: Console) -> None:
    log: list[str] = []
    child = Acting("worker", log)
    starts: list[int] = []

    def dies() -> None:
        child.code = 1

    def look() -> None:
        starts.append(log.count("start worker"))

    script = Script(
        clock, (10, dies), (10.9, look), (11, look), (12, look), (20, dies), (21.9, look), (22, look), (23, look)
    )
    supervise([child], console, script)
    # what a look finds is what was done up to the one before
    assert starts == [1, 1, 2, 2, 2, 3]


def test_what_comes_is_started_what_goes_is_asked_to_end_and_the_rest_is_left_alone(
    clock: SimpleNamespace, console: Console
) -> None:
    log: list[str] = []
    worker, one, two = (Acting(name, log) for name in ("worker", "one", "two"))
    wanted: list[Child] = [one]

    def change(*children: Child) -> Callable[[], None]:
        return lambda: wanted.__setitem__(slice(None), children)

    def ended() -> None:
        one.code = 0

    script = Script(clock, (1, change(one, two)), (2, change(two)), (3, nothing), (4, ended), (5, nothing))
    supervise([worker], console, script, lambda: wanted)
    # it is asked once, its end is no death, and what has gone is not stopped again
    assert log == ["start worker", "start one", "start two", "ask one", "stop two", "stop worker"]


def test_what_does_not_go_is_ended_by_force_and_nobody_waits_for_it(clock: SimpleNamespace, console: Console) -> None:
    log: list[str] = []
    one, two = Acting("one", log), Acting("two", log)
    wanted: list[Child] = [one]

    def two_instead() -> None:
        wanted[:] = [two]

    supervise([], console, Script(clock, (1, two_instead), (19, nothing), (22, nothing), (23, nothing)), lambda: wanted)
    assert log == ["start one", "ask one", "start two", "kill one", "stop two"]


def test_what_is_wanted_again_while_it_goes_is_started_when_it_has_gone(
    clock: SimpleNamespace, console: Console
) -> None:
    log: list[str] = []
    one = Acting("one", log)
    wanted: list[Child] = [one]

    def ended() -> None:
        one.code = 0

    script = Script(clock, (1, wanted.clear), (2, lambda: wanted.append(one)), (3, nothing), (4, ended))
    supervise([], console, script, lambda: wanted)
    assert log == ["start one", "ask one", "start one", "stop one"]


def test_a_configuration_that_is_refused_at_the_start_ends_all(clock: SimpleNamespace, console: Console) -> None:
    log: list[str] = []
    worker, one = Acting("worker", log), Acting("one", log)

    def refuses() -> None:
        one.code = 2

    with pytest.raises(ConfigurationError, match="one refuses its configuration:\n    no such plant"):
        supervise([worker], console, Script(clock, (1, refuses)), lambda: [one])
    assert log == ["start worker", "start one", "stop one", "stop worker"]


@pytest.mark.parametrize("at_start", [True, False])
def test_a_configuration_that_is_refused_later_ends_nobody_else(
    clock: SimpleNamespace, console: Console, at_start: bool
) -> None:
    log: list[str] = []
    worker, one = Acting("worker", log), Acting("one", log)
    wanted: list[Child] = [one] if at_start else []

    def comes() -> None:
        wanted[:] = [one]

    def refuses() -> None:
        one.code = 2

    supervise([worker], console, Script(clock, (1, comes), (100, refuses), (102, nothing)), lambda: wanted)
    assert log == ["start worker", "start one", "start one", "stop one", "stop worker"]
    assert "one refuses its configuration" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO here
