"""Targets that are reached over HTTP, a bucket and an API, and what is done to what goes there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

from tests.support.faults.compare import Differences
from tests.support.faults.sinks import faults
from tests.support.faults.sinks.ledger import Logged, Place, messages_of
from tests.support.faults.sinks.load import TOPICS
from tests.support.faults.sinks.plant import SinkPlant
from tests.support.faults.sinks.targets import LakeStore
from tests.support.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.support.http_target import LOOPBACK, OK, Got, HttpTarget, Reply

_COMES_S: Final = 30.0
_S3_FAULTS: Final[Mapping[str, Mapping[str, Sequence[Fault]]]] = {
    "S3 answers 500": {"PUT": [Fault("answer")] * 2, "GET": [Fault("answer")]},
    "S3 answers 503 SlowDown": {"PUT": [Fault("answer", 503, "SlowDown")] * 2},
    "S3 is silent": {"PUT": [Fault("hang")]},
    "an upload is cut": {"PUT": [Fault("cut_during")] * 2, "GET": [Fault("cut_within")]},
    "the answer to an upload is lost": {"PUT": [Fault("cut_after")] * 2},
}
S3_FAULTS: Final = tuple(_S3_FAULTS)
_ODDS: Final = ((0.05, Reply(500)), (0.04, Reply(429, headers={"Retry-After": "0"})), (0.05, Reply(cut=True)))


@dataclass(frozen=True, slots=True)
class S3:
    """An S3 server, and the proxy through which sinks reach it."""

    url: str
    client: Any
    proxy: FaultyProxy

    def store(self, sink_id: str, folder: Path, bucket: str, **config: Any) -> LakeStore:
        """A store in a bucket of its own."""
        self.client.create_bucket(Bucket=bucket)
        names = {"access_key_id": f"{sink_id}-key", "secret_access_key": f"{sink_id}-secret"}
        return LakeStore(
            sink_id,
            folder,
            lambda root: self._fetch(bucket, root),
            {name: "held-by-nobody" for name in names.values()},
            path=f"s3://{bucket}/lake",
            endpoint_url=self.proxy.url,
            read_timeout_s=1.0,
            **{field: f"${{secret:{name}}}" for field, name in names.items()},
            **config,
        )

    def _fetch(self, bucket: str, root: Path) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", ()):
                path = root / one["Key"].removeprefix("lake/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read())


@contextmanager
def s3_server() -> Iterator[str]:
    """A server on a free port, in a thread."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@asynccontextmanager
async def s3_behind_proxy() -> AsyncIterator[S3]:
    """A server, and a proxy in front of it."""
    with s3_server() as url:
        client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        async with faulty_proxy(url) as proxy:
            yield S3(url, client, proxy)
        client.close()


async def s3_fault(on: SinkPlant, sink_id: str, proxy: FaultyProxy, name: str) -> None:
    """One of S3_FAULTS."""
    process = faults.only(on, sink_id)
    await on.works(sink_id)
    proxy.faults |= {method: list(some) for method, some in _S3_FAULTS[name].items()}
    await _played(on, sink_id, proxy)
    on.faults[name] += 1
    await on.works(sink_id)
    assert process.child.poll() is None, process.said()[-3000:]


async def late_upload(on: SinkPlant, sink_id: str, proxy: FaultyProxy) -> None:
    """The sink dies (kill -9) while an upload is on its way, which arrives when the next process has written."""
    process = faults.only(on, sink_id)
    await on.works(sink_id)
    proxy.release.clear()
    proxy.faults["PUT"] = [Fault("held")]
    await _played(on, sink_id, proxy)
    on.kill(process)
    on.start(sink_id)
    await on.works(sink_id)
    proxy.release.set()
    on.faults["an upload of a dead process arrives"] += 1
    await on.works(sink_id)


async def _played(on: SinkPlant, sink_id: str, proxy: FaultyProxy) -> None:
    deadline = time.monotonic() + _COMES_S
    while any(proxy.faults.values()):
        assert time.monotonic() < deadline, f"{proxy.faults} never met\n{on.last_words(sink_id)}"
        await asyncio.sleep(0.02)


class ApiStore:
    """An API that keeps records by id; `restless`: now and then it answers 500 or 429, or its answer gets lost."""

    def __init__(self, sink_id: str, target: HttpTarget, seed: int) -> None:
        self.id = sink_id
        self.secrets: Mapping[str, str] = {}
        self.restless = True
        self._target = target
        self._random = Random(seed)
        target.answering = self._answer

    def declaration(self) -> Mapping[str, Any]:
        config = {"url": self._target.url, "max_records": 100, "timeout_s": 2.0} | LOOPBACK
        rows = {"batch_rows": 300, "batch_age_s": 0.2}
        return {"id": self.id, "kind": "cloud-api", "topics": list(TOPICS), "config": config} | rows

    def _answer(self, got: Got) -> Reply:
        chance = self._random.random()
        for odds, reply in _ODDS if self.restless else ():
            if chance < odds:
                return reply
            chance -= odds
        return OK

    async def compare(self, log: Sequence[Logged], differences: Differences) -> tuple[int, set[Place]]:
        wanted, refused = messages_of(log)
        told: dict[str, Any] = {}
        for record in (record for got in self._target.got for record in got.records):
            said = told.setdefault(record["id"], record["data"])
            if said != record["data"]:
                differences.add(f"{self.id}: one id, told in two ways", record)
        for name in wanted.keys() - self._target.stored.keys():
            differences.add(f"{self.id}: missing", name)
        for name, record in self._target.stored.items():
            if name not in wanted:
                differences.add(f"{self.id}: nobody sent it", name)
            elif json.dumps(record["data"], sort_keys=True) != json.dumps(wanted[name], sort_keys=True):
                differences.add(f"{self.id}: differs", f"{wanted[name]}\n      found {record['data']}")
        return len(self._target.stored), refused
