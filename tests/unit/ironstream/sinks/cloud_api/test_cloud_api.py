import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.sinks.cloud_api.config import CloudApiConfig
from ironstream.sinks.cloud_api.kind import CLOUD_API
from ironstream.sinks.http.sink import MessageSink
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.engine import MemoryRecord, record
from tests.support.http_target import LOOPBACK, OK, Got, HttpTarget, Reply, cut_of, signed_by

TOPIC = "telemetry.clean"
KEYS = ("the-old-key-of-this-plant", "the-new-key-of-this-plant")
TOKEN = "a-bearer-token-that-is-secret"
CONTEXT = SinkContext("cloud", deployment="plant-7")


def reading(offset: int, value: Any = 1.0) -> MemoryRecord:
    data = {"asset_id": "pump-1", "parameter": "flow", "value": value}
    headers = [("ironstream-id", f"telemetry.raw/0/{offset}".encode())]
    return record(offset, b"k", json.dumps(data).encode(), 0, headers)


def readings(first: int, end: int) -> list[MemoryRecord]:
    return [reading(at) for at in range(first, end)]


def ids(first: int, end: int) -> list[str]:
    return [f"telemetry.raw/0/{at}" for at in range(first, end)]


@asynccontextmanager
async def sink_to(there: HttpTarget, **fields: Any) -> AsyncIterator[MessageSink]:
    config = CloudApiConfig.model_validate({"url": there.url} | LOOPBACK | fields)
    sink: MessageSink = CLOUD_API.build(config, CONTEXT)  # type: ignore[assignment]  # what this kind builds
    await sink.connect()
    try:
        yield sink
    finally:
        await sink.close()


def refusing(*bad: int, status: int = 422) -> Any:
    """A target that refuses all of a request that holds one of these records."""

    def answer(got: Got) -> Reply:
        return (
            Reply(status, {"error": "no such unit"}) if {f"telemetry.raw/0/{at}" for at in bad} & set(got.ids) else OK
        )

    return answer


async def test_records_arrive_as_they_are_on_the_topic_with_id_and_place() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        assert await sink.write(cut_of(sink, TOPIC, [reading(5, 1.5)], readings(7, 9))) == []
        (got,) = there.got
        assert got.records[0] == {
            "id": "telemetry.raw/0/5",
            "topic": TOPIC,
            "partition": 0,
            "offset": 5,
            "data": {"asset_id": "pump-1", "parameter": "flow", "value": 1.5},
        }
        assert [(one["partition"], one["offset"]) for one in got.records] == [(0, 5), (1, 7), (1, 8)]
        assert got.headers["Content-Encoding"] == "gzip"
        assert got.headers["Content-Type"] == "application/json"
        assert got.headers["X-Ironstream-Sink"] == "cloud"
        assert got.headers["X-Ironstream-Deployment"] == "plant-7"


async def test_ndjson_without_compression_is_a_record_on_each_line() -> None:
    async with HttpTarget() as there, sink_to(there, format="ndjson", gzip=False) as sink:
        await sink.write(cut_of(sink, TOPIC, readings(0, 3)))
        (got,) = there.got
        assert got.headers["Content-Type"] == "application/x-ndjson"
        assert "Content-Encoding" not in got.headers
        assert got.sent.count(b"\n") == 3
        assert got.ids == ids(0, 3)


async def test_the_idempotency_key_says_which_records_are_in_a_request_and_nothing_else() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        for first, end in ((0, 3), (0, 3), (0, 4)):
            await sink.write(cut_of(sink, TOPIC, readings(first, end)))
        one, again, other = (got.headers["Idempotency-Key"] for got in there.got)
        assert one == again != other


async def test_requests_keep_to_their_limits_and_to_the_order() -> None:
    async with HttpTarget() as there, sink_to(there, max_records=4, max_body_bytes=1024) as sink:
        await sink.write(cut_of(sink, TOPIC, readings(0, 10)))
        assert [one for got in there.got for one in got.ids] == ids(0, 10)
        assert [len(got.ids) for got in there.got] == [4, 4, 2]


async def test_requests_are_signed_with_every_key_while_one_replaces_the_other() -> None:
    async with HttpTarget() as there, sink_to(there, signing_keys=list(KEYS)) as sink:
        await sink.write(cut_of(sink, TOPIC, readings(0, 3)))
        assert signed_by(there.got[0], KEYS[0])
        assert signed_by(there.got[0], KEYS[1])
        assert not signed_by(there.got[0], "another-key-of-somebody")


async def test_a_bearer_token_and_more_headers_are_sent() -> None:
    async with HttpTarget() as there, sink_to(there, token=TOKEN, headers={"X-Tenant": "acme"}) as sink:
        await sink.write(cut_of(sink, TOPIC, readings(0, 1)))
        assert there.got[0].headers["Authorization"] == f"Bearer {TOKEN}"
        assert there.got[0].headers["X-Tenant"] == "acme"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_only_the_records_that_are_refused_are_found_and_the_others_stored(status: int) -> None:
    async with HttpTarget(refusing(3, 17, status=status)) as there, sink_to(there) as sink:
        refusals = await sink.write(cut_of(sink, TOPIC, readings(0, 20)))
        assert [(one.place, one.reason) for one in refusals] == [(3, "refused"), (17, "refused")]
        assert "no such unit" in refusals[0].detail
        assert sorted(there.stored) == sorted(set(ids(0, 20)) - {ids(0, 20)[3], ids(0, 20)[17]})


async def test_a_request_that_is_too_large_is_halved_until_it_is_taken() -> None:
    async with HttpTarget(lambda got: Reply(413) if len(got.ids) > 3 else OK) as there, sink_to(there) as sink:
        assert await sink.write(cut_of(sink, TOPIC, readings(0, 20))) == []
        assert sorted(there.stored) == sorted(ids(0, 20))


@pytest.mark.parametrize("status", [200, 207])
async def test_records_that_the_answer_names_are_refused_without_another_request(status: int) -> None:
    async with HttpTarget() as there, sink_to(there, max_records=8) as sink:
        named = [{"id": "telemetry.raw/0/9", "reason": "too old"}]
        there.next = [OK, Reply(status, {"refused": named})]
        refusals = await sink.write(cut_of(sink, TOPIC, readings(0, 12)))
        assert [(one.place, one.detail) for one in refusals] == [(9, "too old")]
        assert len(there.got) == 2


async def test_a_refusal_of_a_record_that_was_not_sent_is_not_passed_over() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        there.next = [Reply(207, {"refused": [{"id": "9", "reason": "too old"}]})]
        with pytest.raises(SinkUnavailableError, match="not sent"):
            await sink.write(cut_of(sink, TOPIC, readings(0, 12)))


async def test_a_busy_target_is_left_alone_as_long_as_it_asks() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        for status in (429, 503):
            there.next = [Reply(status, headers={"Retry-After": "17"})]
            with pytest.raises(SinkUnavailableError) as caught:
                await sink.write(cut_of(sink, TOPIC, readings(0, 2)))
            assert caught.value.retry_after_s == 17


async def test_a_target_that_takes_less_than_a_cut_at_once_gets_through_it_all_the_same() -> None:
    async with HttpTarget() as there, sink_to(there, max_records=2) as sink:
        cut = cut_of(sink, TOPIC, readings(0, 20))
        busy = 0
        for _ in range(20):
            there.next = [OK, OK, Reply(429)]
            try:
                await sink.write(cut)
            except SinkUnavailableError:
                busy += 1
                continue
            break
        assert busy == 4
        assert sorted(there.stored) == sorted(ids(0, 20))
        # what was answered before the target was busy was not sent again
        assert len(there.got) == 10 + busy


async def test_the_search_for_bad_records_goes_on_where_an_outage_ended_it() -> None:
    async with HttpTarget(refusing(3)) as there, sink_to(there) as sink:
        cut = cut_of(sink, TOPIC, readings(0, 8))
        there.next = [Reply(400), Reply(400), OK, Reply(500)]
        with pytest.raises(SinkUnavailableError):
            await sink.write(cut)
        assert [one.place for one in await sink.write(cut)] == [3]
        assert sorted(there.stored) == sorted(set(ids(0, 8)) - {"telemetry.raw/0/3"})
        assert len(there.got) <= 9


async def test_a_cut_that_is_written_again_after_it_was_through_is_sent_again() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        for _ in range(2):
            await sink.write(cut_of(sink, TOPIC, readings(0, 3)))
        assert len(there.got) == 2


async def test_a_token_is_got_when_connecting_and_renewed_once_when_the_target_refuses_it() -> None:
    async with HttpTarget() as there:
        there.token_reply = lambda got: Reply(
            body={"access_token": f"token-{len(there.tokens)}", "token_type": "Bearer"}
        )
        oauth = {"token_url": there.token_url, "client_id": "plant", "client_secret": "client-secret"}
        async with sink_to(there, oauth=oauth) as sink:
            assert len(there.tokens) == 1
            there.next = [Reply(401), OK]
            await sink.write(cut_of(sink, TOPIC, readings(0, 2)))
            assert [got.headers["Authorization"] for got in there.got] == ["Bearer token-1", "Bearer token-2"]
            there.next = [Reply(401), Reply(401)]
            with pytest.raises(SinkUnavailableError, match="401"):
                await sink.write(cut_of(sink, TOPIC, readings(2, 4)))
            assert len(there.got) == 4


async def test_nothing_secret_is_in_an_error_or_a_refusal_though_the_target_tells_it() -> None:
    def tells(got: Got) -> Reply:
        return Reply(422, {"you sent": dict(got.headers), "to": there.url})

    async with HttpTarget(tells) as there:
        secrets = {"url": f"{there.url}/T0/hook-secret?key=query-secret", "headers": {"X-Api-Key": "header-secret"}}
        async with sink_to(there, token=TOKEN, signing_keys=list(KEYS), **secrets) as sink:
            texts = [refusal.detail for refusal in await sink.write(cut_of(sink, TOPIC, readings(0, 1)))]
            for status in (401, 302, 503):
                told = {"bearer": TOKEN, "key": "header-secret", "at": secrets["url"]}
                there.next = [Reply(status, told)]
                with pytest.raises(SinkUnavailableError) as caught:
                    await sink.write(cut_of(sink, TOPIC, readings(1, 2)))
                texts.append(str(caught.value))
        assert len(texts) == 4
        for text in texts:
            assert "***" in text
            assert not [one for one in ("hook-secret", "query-secret", "header-secret", TOKEN, *KEYS) if one in text]


Cuts = Sequence[tuple[int, int]]


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 29), max_size=4, unique=True),
    st.lists(st.integers(1, 29), max_size=4, unique=True),
    st.sets(st.integers(0, 29), max_size=2),
    st.lists(st.sampled_from([OK, Reply(500), Reply(429), Reply(cut=True)]), max_size=12),
)
async def test_whatever_breaks_and_however_it_is_cut_again_each_record_is_there_once(
    once: list[int], again: list[int], bad: set[int], replies: list[Reply]
) -> None:
    async with HttpTarget(refusing(*bad)) as there:
        there.next = [one for one in replies if not (bad and one is OK)]
        refused = set()
        for bounds in (once, again):
            # a crash between the two: the second process knows nothing of the first
            async with sink_to(there, max_records=7) as sink:
                for first, end in _ranges(bounds):
                    cut = cut_of(sink, TOPIC, readings(first, end))
                    refused |= {first + one.place for one in await _until_written(sink, cut)}
        assert refused == bad
        assert sorted(there.stored) == sorted(set(ids(0, 30)) - {f"telemetry.raw/0/{at}" for at in bad})


def _ranges(bounds: list[int]) -> Cuts:
    edges = [0, *sorted(bounds), 30]
    return list(pairwise(edges))


async def _until_written(sink: MessageSink, cut: Any) -> Any:
    for _ in range(50):
        try:
            return await sink.write(cut)
        except SinkUnavailableError:
            continue
    raise AssertionError("never written")


async def test_test_connects_and_gets_a_token_and_sends_no_data() -> None:
    assert CLOUD_API.test is not None
    async with HttpTarget() as there:
        there.token_reply = lambda got: Reply(body={"access_token": "t", "token_type": "Bearer"})
        oauth = {"token_url": there.token_url, "client_id": "plant", "client_secret": "client-secret"}
        config = CloudApiConfig.model_validate({"url": there.url, "oauth": oauth} | LOOPBACK)
        assert "got a token" in await CLOUD_API.test(config, CONTEXT)
        assert there.got == []
