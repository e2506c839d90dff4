from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import uvloop

from ironstream.errors import ConfigurationError
from ironstream.sinks.s3_parquet import object_lease, s3
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.kind import S3_PARQUET
from ironstream.sinks.s3_parquet.s3 import S3Store
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.s3_parquet.store import LeaseLostError
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.faulty_proxy import Fault, faulty_proxy
from tests.support.parquet import TOPICS, cut_of, log_of, sink_of
from tests.unit.ironstream.sinks.s3_parquet.conftest import Bucket


@asynccontextmanager
async def opened(config: S3ParquetConfig) -> AsyncIterator[S3ParquetSink]:
    sink = sink_of(config)
    try:
        await sink.connect()
        yield sink
    finally:
        await sink.close()


@asynccontextmanager
async def store_on(config: S3ParquetConfig) -> AsyncIterator[S3Store]:
    store = S3Store(config)
    try:
        yield store
    finally:
        await store.close()


def offsets_of(bucket: Bucket) -> list[int]:
    found: list[int] = []
    for key in bucket.files():
        body = bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        found += pq.read_table(io.BytesIO(body), columns=["offset"])["offset"].to_pylist()
    return sorted(found)


async def test_every_class_is_in_the_bucket_and_duckdb_reads_it(bucket: Bucket, tmp_path: Any) -> None:
    async with opened(bucket.config()) as sink:
        for topic in TOPICS:
            await sink.write(cut_of(sink, log_of(20, topic), topic))
    assert len(bucket.files()) == 4
    for key in bucket.files():
        bucket.client.download_file(bucket.name, key, tmp_path / key.rpartition("/")[2])
        tenant = key.split("/")[1]
        assert tenant == "tenant=acme"
    with duckdb.connect() as connection:
        sql = (
            f"SELECT count(*), count(DISTINCT \"offset\") FROM read_parquet('{tmp_path}/*.parquet', union_by_name=true)"
        )
        assert connection.execute(sql).fetchall() == [(80, 20)]


async def test_of_two_writers_at_once_each_row_is_in_the_bucket_once(bucket: Bucket) -> None:
    log = log_of(40, tenants=("acme", "zeta"))
    async with opened(bucket.config()) as first, opened(bucket.config()) as second:
        await asyncio.gather(first.write(cut_of(first, log[:20])), second.write(cut_of(second, log[:31])))
        await asyncio.gather(first.write(cut_of(first, log[20:])), second.write(cut_of(second, log[31:])))
    assert offsets_of(bucket) == list(range(40))


async def test_a_put_spares_what_is_there(bucket: Bucket) -> None:
    async with store_on(bucket.config()) as store:
        assert await store.create("a/b", b"first")
        assert not await store.create("a/b", b"second")
        assert await store.read("a/b") == b"first"
        await store.replace("a/b", b"third")
        assert await store.tail("a/b", 2) == b"rd"
        await store.delete("a/b")
        await store.delete("a/b")
        assert await store.entries("a", "") == []


async def test_listings_go_on_over_pages(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAGE", 3)
    for at in range(11):
        bucket.client.put_object(Bucket=bucket.name, Key=f"lake/d{at % 2}/f{at:05}", Body=b"x")
    async with store_on(bucket.config()) as store:
        assert len(await store.entries("d0", "f")) == 6
        assert [(path, len(entries)) async for path, entries in store.walk()] == [("d0", 6), ("d1", 5)]


PASSING = [
    Fault("answer", 500, "InternalError"),
    Fault("answer", 503, "SlowDown"),
    Fault("cut"),
    Fault("cut_after"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.code}")
async def test_a_put_that_fails_is_unavailable_and_its_repeat_leaves_each_row_once(
    bucket: Bucket, fault: Fault
) -> None:
    log = log_of(20, tenants=("acme", "zeta"))
    async with faulty_proxy(bucket.url) as proxy, opened(bucket.config(endpoint_url=proxy.url)) as sink:
        for place in range(2):
            # the transport itself repeats once what a kept connection that ended took with it
            proxy.faults["PUT"] = [fault, fault]
            cut = cut_of(sink, log[place * 10 : place * 10 + 10])
            puts = proxy.seen.count("PUT")
            with pytest.raises(SinkUnavailableError, match=bucket.name):
                await sink.write(cut)
            assert fault.kind != "answer" or proxy.seen.count("PUT") == puts + 1, "the client retries"
            proxy.faults.clear()
            if place:
                # after an outage the flow connects anew
                await sink.connect()
            await sink.write(cut)
    assert offsets_of(bucket) == list(range(20))


async def test_a_footer_that_comes_half_is_unavailable(bucket: Bucket) -> None:
    async with opened(bucket.config()) as sink:
        await sink.write(cut_of(sink, log_of(10)))
    async with faulty_proxy(bucket.url) as proxy, opened(bucket.config(endpoint_url=proxy.url)) as sink:
        # the first GET lists the files
        proxy.faults["GET"] = [Fault("cut_within")]
        with pytest.raises(SinkUnavailableError):
            await sink.write(cut_of(sink, log_of(20)))
        await sink.write(cut_of(sink, log_of(20)))
    assert offsets_of(bucket) == list(range(20))


async def test_a_store_that_does_not_answer_is_unavailable(bucket: Bucket) -> None:
    async with faulty_proxy(bucket.url) as proxy:
        config = bucket.config(endpoint_url=proxy.url, read_timeout_s=2)
        async with opened(config) as sink:
            proxy.faults["PUT"] = [Fault("hang")]
            with pytest.raises(SinkUnavailableError, match="in time"):
                await sink.write(cut_of(sink, log_of(10)))


async def test_a_write_that_is_given_up_ends_at_once_and_can_be_repeated(bucket: Bucket) -> None:
    async with faulty_proxy(bucket.url) as proxy, opened(bucket.config(endpoint_url=proxy.url)) as sink:
        proxy.faults["PUT"] = [Fault("hang")]
        cut = cut_of(sink, log_of(10))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sink.write(cut), 0.3)
        await sink.write(cut)
    assert offsets_of(bucket) == list(range(10))


async def test_a_store_that_is_away_is_unavailable(nowhere: str, bucket: Bucket) -> None:
    async with store_on(bucket.config(endpoint_url=f"http://{nowhere}")) as store:
        with pytest.raises(SinkUnavailableError, match="cannot be reached"):
            await store.connect()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AccessDenied", "s3:PutObject"),
        ("InvalidAccessKeyId", "access_key_id"),
        ("SignatureDoesNotMatch", "secret_access_key"),
        ("ExpiredToken", "expired"),
    ],
)
async def test_what_is_to_be_mended_is_said_and_no_key_is_told(bucket: Bucket, code: str, hint: str) -> None:
    async with faulty_proxy(bucket.url) as proxy, store_on(bucket.config(endpoint_url=proxy.url)) as store:
        proxy.faults["GET"] = [Fault("answer", 403, code)]
        with pytest.raises(SinkUnavailableError, match=code) as caught:
            await store.connect()
    assert hint in caught.value.hint
    assert "very-secret" not in str(caught.value)
    assert "AKIDTEST" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 407, 502])
async def test_a_page_in_place_of_the_store_is_unavailable(bucket: Bucket, status: int) -> None:
    async with faulty_proxy(bucket.url) as proxy, store_on(bucket.config(endpoint_url=proxy.url)) as store:
        proxy.faults["GET"] = [Fault("page", status)]
        with pytest.raises(SinkUnavailableError, match=bucket.name):
            await store.connect()


async def test_a_bucket_that_is_missing_is_named(bucket: Bucket) -> None:
    async with store_on(bucket.config(path="s3://nobodys-bucket/x")) as store:
        with pytest.raises(SinkUnavailableError, match=r"nobodys-bucket.*NoSuchBucket") as caught:
            await store.connect()
    assert "make the bucket" in caught.value.hint


async def test_without_any_keys_it_says_so(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    async with store_on(bucket.config(access_key_id=None, secret_access_key=None)) as store:
        with pytest.raises(SinkUnavailableError, match="no keys"):
            await store.connect()


class Careless(S3Store):
    """A store that takes no notice of conditions, as older ones do."""

    async def create(self, path: str, body: bytes) -> bool:
        await self.replace(path, body)
        return True


async def test_a_store_that_ignores_conditions_is_refused_before_it_costs_rows(bucket: Bucket) -> None:
    store = Careless(bucket.config())
    try:
        with pytest.raises(ConfigurationError, match="If-None-Match"):
            await store.connect()
    finally:
        await store.close()


async def test_without_conditional_puts_what_is_there_is_looked_for_first(bucket: Bucket) -> None:
    async with opened(bucket.config(conditional_put=False)) as sink:
        await sink.write(cut_of(sink, log_of(10)))
        await sink.connect()
        await sink.write(cut_of(sink, log_of(12)))
    assert offsets_of(bucket) == list(range(12))


async def test_the_test_says_what_it_reached(bucket: Bucket) -> None:
    assert S3_PARQUET.test is not None
    said = await S3_PARQUET.test(bucket.config(), SinkContext("lake"))
    assert bucket.name in said
    assert bucket.url in said
    assert bucket.files() == []


def test_it_works_under_uvloop(bucket: Bucket) -> None:
    async def run() -> None:
        async with opened(bucket.config()) as sink:
            await sink.write(cut_of(sink, log_of(10)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert offsets_of(bucket) == list(range(10))


async def test_one_process_at_a_time_holds_a_lease(bucket: Bucket) -> None:
    async with store_on(bucket.config()) as first, store_on(bucket.config()) as second:
        async with first.lease("x"):
            with pytest.raises(SinkUnavailableError, match="held by another"):
                async with second.lease("x"):
                    pass
        async with second.lease("x"):
            pass


async def test_the_lease_of_a_dead_process_passes_on_and_the_dead_one_is_told(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store_on(bucket.config()) as first, store_on(bucket.config()) as second, first.lease("x") as old:
        monkeypatch.setattr(object_lease, "LEASE_S", -1.0)
        async with second.lease("x"):
            with pytest.raises(LeaseLostError):
                await old.renew()


def test_the_age_of_a_lease_is_told_by_the_clock_of_the_store() -> None:
    made = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert object_lease.seconds_between(made, "Sat, 21 Nov 2026 12:20:00 GMT") == timedelta(minutes=20).total_seconds()
