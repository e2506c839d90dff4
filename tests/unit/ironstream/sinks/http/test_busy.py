"""A target that fails a share of its requests, on a real socket, behind the breaker."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest

from ironstream.sinks.breaker import Admission, Breaker
from ironstream.sinks.cloud_api.config import CloudApiConfig
from ironstream.sinks.cloud_api.kind import CLOUD_API
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from ironstream.sinks.stats import SinkStats
from ironstream.sinks.target import Target
from tests.support.engine import record
from tests.support.http_target import LOOPBACK, OK, Got, HttpTarget, Reply, cut_of

TOPIC = "events.clean"
CUTS, REQUESTS, RECORDS = 40, 21, 2
FAILURES = (Reply(500), Reply(503), Reply(429), Reply(cut=True))
SHARE = 0.14


class Restless:
    """Answers so that a share of the requests fails; `lost` counts answers that are lost after it took the request."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._losing: Got | None = None
        self.failed = self.lost = 0

    def __call__(self, got: Got) -> Reply:
        if got is self._losing:
            # what the answer would have been, had it not been lost
            return OK
        if self._random.random() >= SHARE:
            return OK
        reply = self._random.choice(FAILURES)
        self.failed += 1
        if reply.cut:
            self._losing, self.lost = got, self.lost + 1
        return reply


class Watched(Breaker):
    """With pauses for tests; `opened` says whether it ever was open."""

    def __init__(self) -> None:
        super().__init__(0.002, 0.03, Random(1))
        self.opened = False

    def failed(self, admission: Admission, retry_after_s: float | None = None, *, progressed: bool = False) -> float:
        pause_s = super().failed(admission, retry_after_s, progressed=progressed)
        self.opened |= self.is_open
        return pause_s


def sink_to(there: HttpTarget) -> Any:
    config = CloudApiConfig.model_validate({"url": there.url, "max_records": RECORDS} | LOOPBACK)
    return CLOUD_API.build(config, SinkContext("cloud"))


def cuts(sink: Any, count: int) -> list[Any]:
    size = REQUESTS * RECORDS
    logs = [
        [record(at, b"k", b"{}", 0, [("ironstream-id", b"e/%d" % at)]) for at in range(first, first + size)]
        for first in range(0, count * size, size)
    ]
    return [cut_of(sink, TOPIC, log) for log in logs]


async def test_a_long_log_gets_through_an_api_that_fails_one_request_in_seven() -> None:
    restless, breaker = Restless(21), Watched()
    async with HttpTarget(restless) as there:
        sink, connects = sink_to(there), Counter[str]()
        connect = sink.connect

        async def counted() -> None:
            connects["connect"] += 1
            await connect()

        sink.connect = counted
        target = Target(sink, 60.0, SinkStats("s"), breaker)
        for cut in cuts(sink, CUTS):
            assert await target.write(cut, lambda: False) == []
        await target.close()

        assert sorted(there.stored) == sorted(f"e/{at}" for at in range(CUTS * REQUESTS * RECORDS))
        assert restless.failed > 100
        assert not breaker.opened
        # each failure costs its own request once more, and a lost answer alone the connection
        assert len(there.got) == CUTS * REQUESTS + restless.failed
        assert connects["connect"] == 1 + restless.lost
        keys: dict[str, set[str]] = defaultdict(set)
        for got in there.got:
            for name in got.ids:
                keys[name].add(got.headers["Idempotency-Key"])
        assert {len(some) for some in keys.values()} == {1}, "a record comes again under its own key alone"


@pytest.mark.parametrize("progress", [0, 3])
async def test_a_failure_says_whether_this_try_got_further(progress: int) -> None:
    async with HttpTarget() as there:
        sink = sink_to(there)
        await sink.connect()
        (cut,) = cuts(sink, 1)
        there.next = [*[OK] * progress, Reply(429)]
        for made in (progress > 0, False):
            with pytest.raises(SinkUnavailableError) as caught:
                await sink.write(cut)
            assert caught.value.progressed is made
            there.next = [Reply(500)]
        there.next = [Reply(413), Reply(500)]
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.write(cut)
        assert caught.value.progressed, "a refusal is an answer"
        assert await sink.write(cut) == []
        await sink.close()


@pytest.mark.parametrize(
    ("reply", "reconnect"),
    [
        (Reply(429), False),
        (Reply(503), False),
        (Reply(403), False),
        (Reply(207, {"refused": [{"id": "of nobody"}]}), False),
        (Reply(207, ["unreadable"]), False),
        (Reply(cut=True), True),
    ],
)
async def test_a_target_that_answered_needs_no_new_connection(reply: Reply, reconnect: bool) -> None:
    async with HttpTarget() as there:
        sink = sink_to(there)
        await sink.connect()
        there.next = [reply]
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.write(cuts(sink, 1)[0])
        assert caught.value.reconnect is reconnect
        await sink.close()
