"""What waits for the agents, and how it is told that nobody works on it."""

from __future__ import annotations

from aiokafka import TopicPartition

from ironstream.settings import Settings
from ironstream.web.auth import Principal, Role
from ironstream.web.backlog import PATIENCE_S, Backlog
from ironstream.web.routes.overview import overview_of
from tests.support.web_memory import MemoryPlant

TELEMETRY = [TopicPartition("telemetry.raw", number) for number in (0, 1)]
ALARMS = TopicPartition("alarms.raw", 0)
FIRSTS = {TELEMETRY[0]: 10, TELEMETRY[1]: 0, ALARMS: 0}
ENDS = {TELEMETRY[0]: 500, TELEMETRY[1]: 40, ALARMS: 7}


def test_what_waits_is_what_the_group_has_not_committed_of_what_is_still_there() -> None:
    backlog = Backlog(Settings())
    assert backlog.total is None
    backlog.saw(FIRSTS, ENDS, {TELEMETRY[0]: 400})
    assert backlog.lag == {"telemetry": 140, "events": None, "alarms": None}
    backlog.saw(FIRSTS, ENDS, {TELEMETRY[0]: 4, TELEMETRY[1]: 40, ALARMS: 7})
    assert backlog.lag == {"telemetry": 490, "events": None, "alarms": 0}
    assert backlog.total == 490


def test_no_worker_commits_where_no_offset_has_moved_for_long() -> None:
    now = [100.0]
    backlog = Backlog(Settings(commit_interval_s=2.0), lambda: now[0])
    assert backlog.still_s() is None
    backlog.saw(FIRSTS, ENDS, {ALARMS: 1})
    now[0] += PATIENCE_S + 4
    assert backlog.still_s() is None
    now[0] += 1
    assert backlog.still_s() == PATIENCE_S + 5
    backlog.saw(FIRSTS, ENDS, {ALARMS: 2})
    assert backlog.still_s() is None


def test_the_overview_says_what_waits_and_that_nobody_commits() -> None:
    plant, now = MemoryPlant(), [0.0]
    plant.backlog = Backlog(plant.settings, lambda: now[0])
    plant.backlog.saw(FIRSTS, ENDS, {TELEMETRY[0]: 0, TELEMETRY[1]: 0})
    who = Principal("mia", frozenset({Role.OPERATOR}), None)
    told = overview_of(plant, who)
    assert (told.lag_records, told.uncommitted_s) == (530, None)
    plant.overviews.clear()
    plant.clock_ms += 3_600_000
    now[0] += 3_600
    told = overview_of(plant, who)
    assert (told.commit_age_s, told.uncommitted_s) == (3600, 3600)
