from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import ironstream.sinks.pagerduty
from ironstream.contract import AlarmTransition
from ironstream.sinks.pagerduty.config import PagerDutyConfig
from ironstream.sinks.pagerduty.kind import PAGERDUTY
from ironstream.sinks.pagerduty.sink import PagerDutySink
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from ironstream.topology.model.sinks import SinkPart
from tests.support.clean.alarms import NOW_US, alarm, alarm_record
from tests.support.engine import record
from tests.support.http_target import LOOPBACK, Got, HttpTarget, Reply, cut_of

TOPIC = "alarms.clean"
KEY = "r0uting-key-of-thirty-two-signs-"
ACCEPTED = Reply(202, {"status": "success", "message": "Event processed"})


@dataclass
class Service:
    """What PagerDuty makes of events: a trigger without an open alert opens one, and pages."""

    open: dict[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)

    def __call__(self, got: Got) -> Reply:
        event = got.json
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            if key not in self.open:
                self.pages.append(key)
            self.open.setdefault(key, "triggered")
        elif action == "acknowledge" and key in self.open:
            self.open[key] = "acknowledged"
        elif action == "resolve":
            self.open.pop(key, None)
        return ACCEPTED


@asynccontextmanager
async def sink_to(there: HttpTarget, **fields: Any) -> AsyncIterator[PagerDutySink]:
    given = {"url": f"{there.origin}/v2/enqueue", "routing_key": KEY} | LOOPBACK | fields
    sink = PagerDutySink(PagerDutyConfig.model_validate(given), clock=lambda: NOW_US / 1e6)
    await sink.connect()
    try:
        yield sink
    finally:
        await sink.close()


def cut(sink: PagerDutySink, *ones: AlarmTransition) -> Any:
    return cut_of(sink, TOPIC, [alarm_record(at, one) for at, one in enumerate(ones)])


ACTIVE = alarm(1, "ACTIVE", None)
ACKED = alarm(2, "ACKNOWLEDGED", "ACTIVE")
CLEARED = alarm(3, "CLEARED", "ACKNOWLEDGED")


async def test_an_alarm_is_triggered_acknowledged_and_resolved_as_one_alert() -> None:
    async with HttpTarget(Service()) as there, sink_to(there) as sink:
        for one in (ACTIVE, ACKED, CLEARED):
            assert await sink.write(cut(sink, one)) == []
        assert [got.json["event_action"] for got in there.got] == ["trigger", "acknowledge", "resolve"]
        assert {got.json["dedup_key"] for got in there.got} == {"one"}
        assert there.got[0].json["routing_key"] == KEY
        assert there.got[0].path == "/v2/enqueue"


async def test_a_backlog_pages_for_what_still_stands_alone() -> None:
    service = Service()
    async with HttpTarget(service) as there, sink_to(there) as sink:
        standing = alarm(1, "ACTIVE", None, "two")
        old = alarm(1, "ACTIVE", None, "three", age_s=86_400)
        await sink.write(cut(sink, ACTIVE, standing, old, ACKED, CLEARED))
        assert service.pages == ["two"]
        assert service.open == {"two": "triggered"}


async def test_a_repeat_after_a_crash_pages_nobody_again_for_what_is_over() -> None:
    service = Service()
    async with HttpTarget(service) as there:
        async with sink_to(there) as sink:
            await sink.write(cut(sink, ACTIVE))
            await sink.write(cut(sink, ACKED, CLEARED))
        async with sink_to(there) as sink:
            await sink.write(cut(sink, ACTIVE, ACKED, CLEARED))
        assert service.pages == ["one"]
        assert service.open == {}


async def test_a_repeat_of_a_standing_alarm_is_the_same_alert() -> None:
    service = Service()
    async with HttpTarget(service) as there, sink_to(there) as sink:
        for _ in range(3):
            await sink.write(cut(sink, ACTIVE))
        assert service.pages == ["one"]
        assert len(there.got) == 3


async def test_a_shelved_alarm_is_resolved_and_pages_again_when_it_still_stands_afterwards() -> None:
    service = Service()
    async with HttpTarget(service) as there, sink_to(there) as sink:
        for number, (before, state) in enumerate(
            [(None, "ACTIVE"), ("ACTIVE", "SUPPRESSED"), ("SUPPRESSED", "ACTIVE")]
        ):
            await sink.write(cut(sink, alarm(number + 1, state, before)))
        assert service.pages == ["one", "one"]


async def test_more_alarms_than_pagerduty_takes_at_once_get_through_and_none_is_sent_twice() -> None:
    service = Service()
    async with HttpTarget(service) as there, sink_to(there) as sink:
        flood = cut(sink, *(alarm(1, "ACTIVE", None, f"occurrence-{at}") for at in range(20)))
        taken = 0

        def busy(got: Got) -> Reply:
            nonlocal taken
            taken += 1
            return Reply(429, {"status": "throttle exceeded"}) if taken % 8 == 0 else service(got)

        there.answering = busy
        for _ in range(2):
            with pytest.raises(SinkUnavailableError) as caught:
                await sink.write(flood)
            assert caught.value.progressed
            assert not caught.value.reconnect
        assert await sink.write(flood) == []
        assert len(service.pages) == len(set(service.pages)) == 20
        assert len(there.got) == 22


async def test_an_event_that_is_refused_is_a_refusal_of_its_transition_and_the_others_are_sent() -> None:
    service = Service()

    def answer(got: Got) -> Reply:
        if got.json["dedup_key"] == "bad":
            return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["too odd"]})
        return service(got)

    async with HttpTarget(answer) as there, sink_to(there) as sink:
        refusals = await sink.write(cut(sink, alarm(1, "ACTIVE", None, "bad"), ACTIVE))
        assert [(one.place, "too odd" in one.detail) for one in refusals] == [(0, True)]
        assert service.pages == ["one"]


async def test_a_wrong_routing_key_is_no_fault_of_the_alarms_and_is_not_told() -> None:
    errors = [f"'routing_key' {KEY} is incorrect (should be 32 characters)"]
    reply = Reply(400, {"status": "invalid event", "errors": errors})
    async with HttpTarget(lambda got: reply) as there, sink_to(there) as sink:
        with pytest.raises(SinkUnavailableError, match="routing key") as caught:
            await sink.write(cut(sink, ACTIVE))
        assert KEY not in str(caught.value)
        assert not caught.value.progressed


@pytest.mark.parametrize("reply", [Reply(429, headers={"Retry-After": "9"}), Reply(500), Reply(403), Reply(cut=True)])
async def test_what_is_no_fault_of_an_alarm_is_tried_again(reply: Reply) -> None:
    service = Service()
    async with HttpTarget(service) as there, sink_to(there) as sink:
        there.next = [reply]
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.write(cut(sink, ACTIVE))
        assert caught.value.retry_after_s == (9 if reply.status == 429 else None)
        await sink.write(cut(sink, ACTIVE))
        assert service.pages == ["one"]


async def test_what_is_no_transition_is_refused_before_it_is_sent() -> None:
    async with HttpTarget(Service()) as there, sink_to(there) as sink:
        bad = [b"", b"{}", b"x"]
        odd = [alarm(1, "GONE", None), alarm(1, "ACTIVE", None, severity="WORST")]
        late = alarm(1, "ACTIVE", None)
        late.time = "yesterday"
        records = [record(at, b"k", value, 0) for at, value in enumerate(bad)]
        records += [alarm_record(len(records) + at, one) for at, one in enumerate([*odd, late, ACTIVE])]
        made = cut_of(sink, TOPIC, records)
        assert [one.place for one in made.parts[0].prepared.refusals] == [0, 1, 2, 3, 4, 5]
        await sink.write(made)
        assert len(there.got) == 1


async def test_test_connects_and_pages_nobody() -> None:
    assert PAGERDUTY.test is not None
    async with HttpTarget() as there:
        config = PagerDutyConfig.model_validate({"url": there.url, "routing_key": KEY} | LOOPBACK)
        assert "connected" in await PAGERDUTY.test(config, SinkContext("pages"))
        assert there.got == []


def test_the_sample_is_a_sink_of_this_kind_and_only_alarms_go_to_it() -> None:
    text = (Path(ironstream.sinks.pagerduty.__file__).parent / "sample.yaml").read_text()
    part = SinkPart.model_validate(yaml.safe_load(text))
    assert SINKS[part.kind] is PAGERDUTY
    config = PAGERDUTY.config_model.model_validate(part.config)
    assert "routing_key" not in repr(config).replace("routing_key=SecretStr('**********')", "")
    assert [topic for topic in ("alarms.clean", "events.clean", "telemetry.clean") if PAGERDUTY.topics(topic)] == [
        TOPIC
    ]
