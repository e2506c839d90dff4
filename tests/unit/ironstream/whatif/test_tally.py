from __future__ import annotations

import json
from typing import Any

import msgspec

from ironstream.contract import ID_HEADER, AlarmTransition, Evidence
from ironstream.engine.records import Records
from ironstream.whatif.pairs import AFTER, BEFORE, SIDES
from ironstream.whatif.report import Counts, Difference, Recording, SeriesTransitions, WindowResults
from ironstream.whatif.tally import Tally
from tests.support.engine import record

NOTHING = Recording(60.0, "", "", 0.0, {})


def _reading(number: int, parameter: str = "t", **more: Any) -> tuple[str, bytes]:
    body = {"tenant_id": "d", "site_id": "s", "asset_id": "a", "parameter": parameter, "quality": "GOOD"} | more
    return f"telemetry.raw/0/{number}", json.dumps(body).encode()


def _records(*readings: tuple[str, bytes]) -> list[Records]:
    rows = [record(at, b"k", value, 0, [(ID_HEADER, name.encode())]) for at, (name, value) in enumerate(readings)]
    return [Records.of(rows)] if rows else []


def _report(tally: Tally) -> Difference:
    tally.settle()
    return tally.report(NOTHING)


def _window(tally: Tally, side: int, start: int, value: bytes, revision: int = 0) -> None:
    name = f"d/s/a/t/10/{start}/{revision}".encode()
    tally.take(side, "telemetry.10s", value, [(ID_HEADER, name)])


def _transition(**more: Any) -> bytes:
    entry = AlarmTransition(
        alarm_id="x", occurrence_id="o", transition=1, tenant_id="d", site_id="s", asset_id="a", parameter="t",
        type="HOT", severity="HIGH", state="ACTIVE", previous_state=None, raised_at="2026-11-22T00:00:00Z",
        acked_at=None, acked_by=None, cleared_at=None, time="2026-11-22T00:00:00Z", message="hot", value=81.0,
        threshold=80.0, unit=None, actor=None, comment=None, reason=None, until=None, count=1,
        evidence=Evidence("telemetry.raw", 0, 5, "hot", 0),
    )  # fmt: skip
    return msgspec.json.encode(msgspec.structs.replace(entry, **more))


def test_of_equal_readings_the_one_side_is_counted_for_both() -> None:
    tally = Tally()
    readings = [_reading(0), _reading(1, quality="SUSPECT", quality_reasons=["gap", "stuck"])]

    tally.clean.take(_records(*readings), _records(*readings))

    found = _report(tally)
    assert found.same
    assert found.clean.readings == Counts(2, 2)
    assert found.clean.qualities == {"GOOD": Counts(1, 1), "SUSPECT": Counts(1, 1)}
    assert found.clean.reasons == {"gap": Counts(1, 1), "stuck": Counts(1, 1)}


def test_readings_that_one_side_lacks_or_has_otherwise_are_counted_with_their_series() -> None:
    tally = Tally()

    tally.clean.take(
        _records(_reading(0), _reading(1, "u", value=1), _reading(2, "w")),
        _records(_reading(0), _reading(1, "u", value=2, quality="SUSPECT", quality_reasons=["range"])),
    )

    found = _report(tally)
    assert not found.same
    assert (found.clean.readings, found.clean.changed) == (Counts(3, 2), 1)
    assert found.clean.qualities == {"GOOD": Counts(3, 1), "SUSPECT": Counts(0, 1)}
    assert found.clean.reasons == {"range": Counts(0, 1)}
    assert found.series == ("d/s/a/u", "d/s/a/w")


def test_windows_are_compared_result_by_result() -> None:
    tally = Tally()
    for side in SIDES:
        _window(tally, side, 0, b"same")
        _window(tally, side, 10, b"%d" % side)
    _window(tally, BEFORE, 20, b"gone")
    _window(tally, AFTER, 0, b"restated", revision=1)

    found = _report(tally)

    assert found.windows == (WindowResults(10, Counts(3, 3), changed=1, gone=1, come=1),)
    assert found.series == ("d/s/a/t",)
    assert not found.same


def test_transitions_are_told_by_rule_and_series_whatever_their_places_on_the_logs() -> None:
    tally = Tally()
    tally.take(BEFORE, "alarms.clean", _transition(), ())
    tally.take(AFTER, "alarms.clean", _transition(occurrence_id="p", evidence=Evidence("t", 1, 9, "hot", 0)), ())
    tally.take(BEFORE, "alarms.clean", _transition(transition=2, state="CLEARED"), ())
    tally.take(AFTER, "alarms.clean", _transition(transition=2, state="CLEARED", value=1.0), ())
    tally.take(BEFORE, "alarms.clean", _transition(asset_id="b", alarm_id="y"), ())
    late = "2026-11-22T00:00:05Z"
    tally.take(AFTER, "alarms.clean", _transition(asset_id="b", alarm_id="y", time=late, raised_at=late), ())

    (rule,) = _report(tally).alarms

    assert rule.states == {"ACTIVE": Counts(2, 2), "CLEARED": Counts(1, 1)}
    assert rule.series == (
        SeriesTransitions("d/s/a/t", {}, {}, 1),
        SeriesTransitions("d/s/b/t", {"ACTIVE": 1}, {"ACTIVE": 1}, 0),
    )


def test_an_alarm_without_a_rule_goes_by_its_type() -> None:
    tally = Tally()
    tally.take(BEFORE, "alarms.clean", _transition(type="A\nB", evidence=Evidence("alarms.raw", 0, 1)), ())

    (rule,) = _report(tally).alarms

    assert rule.rule == "external: A\nB"


def test_dead_letters_are_counted_by_reason_and_other_ones_are_a_difference() -> None:
    def refused(side: int, offset: int, reason: str) -> None:
        headers = [("dlq-reason", reason.encode()), ("dlq-partition", b"0"), ("dlq-offset", b"%d" % offset)]
        tally.take(side, "dlq.invalid_telemetry", b"", headers)

    tally = Tally()
    refused(BEFORE, 1, "range")
    refused(BEFORE, 2, "malformed")
    refused(AFTER, 2, "malformed")
    refused(AFTER, 1, "range")
    assert _report(tally).same

    refused(BEFORE, 3, "range")
    refused(AFTER, 4, "range")

    found = _report(tally)
    assert found.dead_letters == {"dlq.invalid_telemetry": {"malformed": Counts(1, 1), "range": Counts(2, 2)}}
    assert not found.same


def test_events_are_counted_by_type_and_another_content_is_a_difference() -> None:
    tally = Tally()
    for side in SIDES:
        tally.take(side, "events.clean", b'{"type":"gap"}', [(ID_HEADER, b"1")])
    assert _report(tally).same
    for side in SIDES:
        tally.take(side, "events.clean", b'{"type":"gap","value":%d}' % side, [(ID_HEADER, b"2")])

    found = _report(tally)

    assert found.events == {"gap": Counts(2, 2)}
    assert not found.same
