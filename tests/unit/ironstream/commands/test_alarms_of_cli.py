"""How operators name alarms and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from ironstream.commands.alarms import choose, until_of
from ironstream.domain.alarms import Alarm, AlarmKey, Cause
from ironstream.errors import ConfigurationError
from ironstream.operator import command_on

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def alarm(asset: str, state: Literal["ACTIVE", "CLEARED"] = "ACTIVE") -> Alarm:
    key = AlarmKey("acme", "north", asset, "overheat", "rule:hot", "temperature")
    return Alarm(key, "occurrence", 1, state, state == "ACTIVE", 4, 1, 0, Cause("alarms.raw", 0, 0))


def test_a_part_that_one_standing_alarm_has_names_it() -> None:
    alarms = [alarm("pump-1"), alarm("pump-2"), alarm("old-pump-1", "CLEARED")]

    assert choose("pump-1/overheat", alarms) == "acme/north/pump-1/overheat/rule:hot/temperature"


def test_a_part_that_fits_several_alarms_is_refused_with_their_names() -> None:
    with pytest.raises(ConfigurationError, match="fits 2 alarms") as caught:
        choose("overheat", [alarm("pump-1"), alarm("pump-2")])

    assert "pump-1/overheat" in caught.value.hint
    assert "pump-2/overheat" in caught.value.hint


def test_a_name_that_no_alarm_has_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="No alarm"):
        choose("pump-9", [alarm("pump-1")])


@pytest.mark.parametrize(
    ("length", "end"),
    [("90s", "2026-01-31T12:01:30+00:00"), ("8h", "2026-01-31T20:00:00+00:00"), ("2d", "2026-02-02T12:00:00+00:00")],
)
def test_a_length_of_time_ends_after_it(length: str, end: str) -> None:
    assert until_of(length, NOW) == end


@pytest.mark.parametrize("length", ["", "8", "0h", "-1h", "8 h", "8w"])
def test_what_is_no_length_of_time_is_refused(length: str) -> None:
    with pytest.raises(ConfigurationError, match="no length"):
        until_of(length, NOW)


def test_a_command_carries_the_asset_of_its_alarm() -> None:
    command = command_on("acme/north/pump-1/overheat/rule:hot/temperature", "ack", "ann")

    assert (command.tenant_id, command.site_id, command.asset_id) == ("acme", "north", "pump-1")


def test_two_commands_have_two_ids() -> None:
    first, second = (command_on("a/b/c/d/e/f", "ack", "ann") for _ in range(2))

    assert first.command_id != second.command_id
