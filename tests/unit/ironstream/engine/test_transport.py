"""How often a worker commits."""

from __future__ import annotations

from ironstream.engine.transport import commit_pause


def test_quick_commits_keep_their_interval() -> None:
    assert commit_pause(2.0, 0.05, 0.1) == 2.0


def test_commits_that_take_long_again_and_again_take_a_fifth_of_the_time() -> None:
    assert commit_pause(2.0, 1.5, 1.5) == 6.0


def test_one_commit_that_waited_for_a_broker_does_not_delay_the_next() -> None:
    assert commit_pause(0.5, 0.05, 20.0) == 0.5


def test_a_pause_has_an_end() -> None:
    assert commit_pause(2.0, 1e6, 1e6) < 60
