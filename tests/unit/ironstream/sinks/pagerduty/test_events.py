import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ironstream.contract import AlarmState, Severity
from ironstream.sinks.pagerduty.config import Link
from ironstream.sinks.pagerduty.events import dedup_key, event
from ironstream.sinks.pagerduty.transitions import Action, Call, Entry
from tests.support.clean.alarms import NOW_US, alarm


def made(action: Action = Action.TRIGGER, links: tuple[Link, ...] = (), occurrence: str = "one", **fields: Any) -> Any:
    one = alarm(1, "ACTIVE", None, occurrence, **fields)
    entry = Entry(one, AlarmState.ACTIVE, Severity[one.severity], NOW_US)
    return json.loads(event(Call(0, action, entry), "R" * 32, links))


def test_a_trigger_says_what_is_wrong_where_and_how_it_is_known() -> None:
    body = made()
    details = body["payload"].pop("custom_details")
    assert body == {
        "routing_key": "R" * 32,
        "event_action": "trigger",
        "dedup_key": "one",
        "client": "ironstream",
        "payload": {
            "summary": "pump-1: too hot: 91 °C",
            "source": "acme/north-works/pump-1",
            "severity": "error",
            "timestamp": "2025-11-21T12:00:00.000Z",
            "component": "temperature",
            "group": "north-works",
            "class": "overheat",
        },
    }
    assert details["evidence"] == {
        "topic": "telemetry.raw", "partition": 0, "offset": 12, "rule_id": "hot", "topology_version": 3,
    }  # fmt: skip
    assert (details["value"], details["threshold"], details["unit"], details["count"]) == (91.5, 90.0, "degC", 1)
    assert "comment" not in details


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE])
def test_acknowledging_and_resolving_name_the_alert_alone(action: Action) -> None:
    assert made(action) == {"routing_key": "R" * 32, "event_action": action.value, "dedup_key": "one"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("CRITICAL", "critical"), ("HIGH", "error"), ("MEDIUM", "warning"), ("LOW", "info"), ("INFO", "info")],
)
def test_every_severity_has_one_of_theirs(ours: str, theirs: str) -> None:
    assert made(severity=ours)["payload"]["severity"] == theirs


def test_links_are_filled_in_and_quoted() -> None:
    link = Link(href="https://plant.example/{site_id}/{asset_id}?alarm={alarm_id}&p={parameter}", text="Asset")
    assert made(links=(link,), alarm_id="a/b c&d", parameter=None)["links"] == [
        {"href": "https://plant.example/north-works/pump-1?alarm=a%2Fb%20c%26d&p=", "text": "Asset"}
    ]


@pytest.mark.parametrize("href", ["https://x/{message}", "https://x/{}", "javascript:alert(1)", "//x"])
def test_a_link_with_a_place_that_is_not_known_or_no_address_is_a_fault(href: str) -> None:
    with pytest.raises(ValidationError):
        Link(href=href, text="x")


@given(st.text(max_size=600), st.text(max_size=3000), st.text(max_size=300))
def test_whatever_an_alarm_holds_the_event_keeps_to_the_limits(occurrence: str, message: str, type_: str) -> None:
    body = made(occurrence=occurrence, message=message, type=type_, comment=message * 10, value=message)
    assert len(body["dedup_key"]) <= 255
    assert len(body["payload"]["summary"]) <= 1024
    assert len(json.dumps(body)) < 512 * 1024


def test_only_an_id_that_is_too_long_is_hashed_and_always_alike() -> None:
    assert dedup_key("a" * 255) == "a" * 255
    assert dedup_key("a" * 256) == dedup_key("a" * 256) != dedup_key("a" * 257)
    assert len(dedup_key("a" * 256)) == 64
