from __future__ import annotations

import math

from adapters.modbus.line import Line


def test_a_silent_line_may_be_used_at_once() -> None:
    assert Line(pause_s=0.5).wait_s(1, now_s=0.0) == 0


def test_frames_are_a_pause_apart_from_whatever_was_heard_last() -> None:
    line = Line(pause_s=0.5)
    line.heard(10.0)
    assert line.wait_s(1, now_s=10.2) == 10.5 - 10.2
    line.heard(10.4)
    assert line.wait_s(1, now_s=10.5) == 10.9 - 10.5
    assert line.wait_s(1, now_s=11.0) == 0


def test_a_unit_that_owes_an_answer_is_not_asked_and_the_others_are() -> None:
    line = Line(pause_s=0)
    line.asked(1)
    assert line.wait_s(1, now_s=0.0) == math.inf
    line.gave_up(1, until_s=4.0)
    assert (line.wait_s(1, now_s=1.0), line.wait_s(2, now_s=1.0)) == (3.0, 0)
    assert line.wait_s(1, now_s=4.0) == 0


def test_an_answer_settles_what_is_owed_also_when_it_is_given_up_afterwards() -> None:
    line = Line(pause_s=0)
    line.asked(1)
    line.answered(1)
    line.gave_up(1, until_s=4.0)
    assert line.wait_s(1, now_s=1.0) == 0
