"""What cannot be made good is said, with the offsets."""

from __future__ import annotations

import pytest
from faust.types import TP

from ironstream.engine.losses import first_position, refuse_added_partitions
from ironstream.errors import EngineError

RAW = TP("p.telemetry.raw", 2)


def test_a_start_between_the_ends_of_the_log_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert first_position(RAW, 40, 0) == 40
    assert first_position(RAW, 40, 40) == 40
    assert first_position(RAW, None, 7) == 7
    assert capsys.readouterr().out == ""


def test_a_start_below_the_log_names_the_first_and_the_last_lost_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert first_position(RAW, 40, 55) == 55

    said = capsys.readouterr().out
    assert "records expired before they were processed" in said
    assert "first_lost=40" in said
    assert "last_lost=54" in said


def test_partitions_beyond_those_of_the_deployment_are_refused() -> None:
    refuse_added_partitions([TP("p.telemetry.raw", 3)], 4)
    refuse_added_partitions([TP("p.telemetry.raw", 9)], 0)

    with pytest.raises(EngineError, match=r"p\.telemetry\.raw has more than 4 partitions") as refusal:
        refuse_added_partitions([TP("p.telemetry.raw", 1), TP("p.telemetry.raw", 4)], 4)

    assert "IRONSTREAM_TOPIC_PREFIX" in refusal.value.hint
