from __future__ import annotations

from adapters.mqtt.known import TopicTable
from adapters.mqtt.routes import routes_of
from ironstream.gateway.adapter import Point
from tests.unit.adapters.mqtt.support import config

TOPICS = [{"pattern": "a/{asset}/x", "fields": [{"path": "$.v", "name": "{asset}-v"}, {"path": "*"}]}]
POINT = Point("v")


def table(most: int = 100) -> TopicTable:
    return TopicTable(routes_of(config(topics=TOPICS, tags=[{"name": "level", "topic": "a/tank/x"}])), most)


def test_a_topic_is_known_by_its_own_entry_before_a_pattern_and_by_none_not_at_all() -> None:
    topics = table()
    tag, pattern = topics.find("a/tank/x"), topics.find("a/pump/x")
    assert tag is not None
    assert (tag.filter, tag.parameters, tag.names) == ("a/tank/x", ("level",), {})
    assert pattern is not None
    assert (pattern.filter, pattern.parameters, pattern.names) == ("a/pump/x", ("pump-v", ""), {"asset": "pump"})
    assert pattern.explicit == {("v",)}
    assert topics.find("b") is None


def test_what_was_found_out_stays_until_there_is_too_much_of_it() -> None:
    topics = table(3)
    first = topics.find("a/1/x")
    assert first is not None
    topics.remember(first, (0, ("v",), float), POINT, "a/1/x v")
    again = topics.find("a/1/x")
    assert again is first
    assert again.points == {(0, ("v",), float): (POINT, "a/1/x v")}
    for number in range(2, 5):
        topics.find(f"a/{number}/x")
    anew = topics.find("a/1/x")
    assert anew is not first
    assert anew is not None
    assert anew.points == {}
