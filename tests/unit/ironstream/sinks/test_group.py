from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.errors import ConfigurationError
from ironstream.sinks.group import Move, Place, Standing, group_of, moves_to, written_until_ms

CLEAN = "telemetry.clean"


def at(committed: int | None, *, first: int = 10, end: int = 100, partition: int = 0) -> Standing:
    return Standing(CLEAN, partition, first, end, committed)


def test_each_sink_of_a_deployment_has_a_group_of_its_own() -> None:
    assert group_of("plant-a", "archive") == "plant-a.sink.archive"


@pytest.mark.parametrize(
    ("committed", "lag"),
    [(None, 90), (10, 90), (99, 1), (100, 0), pytest.param(3, 90, id="what was deleted does not wait"), (101, 0)],
)
def test_the_lag_is_what_kafka_has_and_the_sink_has_not_dealt_with(committed: int | None, lag: int) -> None:
    assert at(committed).lag == lag


def test_a_replay_goes_back_to_the_wanted_offset() -> None:
    standing = at(60)

    (move,) = moves_to([standing, at(60, partition=1)], {(CLEAN, 0): 20}, exact=True)

    assert (move, move.again) == (Move(standing, 20, 20), 40)


def test_what_kafka_has_deleted_is_not_waited_for() -> None:
    (move,) = moves_to([at(60)], {(CLEAN, 0): 5}, exact=True)

    assert (move.new, move.wanted, move.again) == (10, 5, 50)


@pytest.mark.parametrize("standing", [at(None), at(20), at(10), at(3)])
def test_a_sink_that_stands_there_or_before_stays(standing: Standing) -> None:
    assert moves_to([standing], {(CLEAN, 0): standing.next}, exact=True) == []
    assert moves_to([standing], {(CLEAN, 0): 90}, exact=False) == []


def test_every_offset_that_cannot_be_is_named() -> None:
    wanted = {(CLEAN, 0): 101, (CLEAN, 1): 61, (CLEAN, 2): 90, (CLEAN, 9): 1}

    with pytest.raises(ConfigurationError) as raised:
        moves_to([at(60), at(60, partition=1), at(None, partition=2)], wanted, exact=True)

    assert raised.value.message.splitlines() == [
        "telemetry.clean:0 has no offset 101, it ends before 100.",
        "telemetry.clean:1 stands at 60: from 61 on would leave 1 out.",
        "telemetry.clean:2 stands at 10: from 90 on would leave 80 out.",
        "There is no partition telemetry.clean:9.",
    ]


offsets = st.integers(0, 50)


@given(offsets, offsets, st.none() | offsets, offsets)
def test_no_replay_by_time_ever_leaves_a_record_out(first: int, length: int, committed: int | None, to: int) -> None:
    standing = Standing(CLEAN, 0, first, first + length, committed)

    for move in moves_to([standing], {(CLEAN, 0): to}, exact=False):
        assert first <= move.new < standing.next
        assert move.again > 0


@pytest.mark.parametrize(
    ("standings", "times", "until"),
    [
        ([], {}, None),
        ([at(100), at(100, partition=1)], {(CLEAN, 0): 5, (CLEAN, 1): 7}, 7),
        pytest.param([at(99), at(100, partition=1)], {(CLEAN, 0): 5, (CLEAN, 1): 7}, 5, id="by the one that lags"),
        pytest.param([at(99), at(98, partition=1)], {(CLEAN, 0): 5, (CLEAN, 1): 4}, 4, id="by the furthest behind"),
        pytest.param([at(None), at(98, partition=1)], {(CLEAN, 1): 4}, None, id="one has written nothing yet"),
        pytest.param([at(None, end=10), at(98, partition=1)], {(CLEAN, 1): 4}, 4, id="an empty partition says nothing"),
    ],
)
def test_everything_is_written_until_then(
    standings: list[Standing], times: dict[Place, int], until: int | None
) -> None:
    assert written_until_ms(standings, times) == until
