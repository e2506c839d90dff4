"""Parquet files in a directory, and in a bucket of an S3 server that speaks HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
from moto.server import ThreadedMotoServer

from ironstream.sinks.s3_parquet.kind import S3_PARQUET
from ironstream.sinks.sink import SinkKind
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.benches.journal import places_of
from tests.conformance.sinks.log import Clean
from tests.support.clean_log import CLEAN


def _rows(content: Any) -> Iterator[tuple[str, int, int]]:
    """Topic, partition and offset of each row of a file."""
    file = pq.ParquetFile(content)
    topic = file.metadata.metadata[b"ironstream.topic"].decode()
    table = file.read(columns=["partition", "offset"])
    yield from zip([topic] * len(table), table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True)


class LocalParquetBench(SinkBench):
    kind = "s3-parquet"
    topics = CLEAN

    async def start(self) -> None:
        self._root = self.folder / "lake"

    def config(self) -> Mapping[str, Any]:
        return {"path": str(self._root)}

    def sink_kind(self) -> SinkKind:
        return S3_PARQUET

    async def away(self) -> None:
        # a disk that is not mounted
        if self._root.exists():
            self._root.rename(self.folder / "unmounted")
        self._root.touch()

    async def back(self) -> None:
        if self._root.is_file():
            self._root.unlink()
        if (self.folder / "unmounted").exists():
            (self.folder / "unmounted").rename(self._root)

    async def held(self) -> Any:
        return sorted(row for path in self._root.rglob("*.parquet") for row in _rows(path))

    def wanted(self, log: Clean) -> Any:
        return places_of(log)


class S3ParquetBench(SinkBench):
    kind = "s3-parquet"
    topics = CLEAN
    secrets = ("a-secret-access-key-of-the-lake",)

    def __init__(self, folder: Path, stack: AsyncExitStack, server: ThreadedMotoServer) -> None:
        super().__init__(folder, stack)
        self._server = server

    async def start(self) -> None:
        host, port = self._server.get_host_and_port()
        self._port = await self.through_proxy(port)
        self._client = boto3.client(
            "s3", endpoint_url=f"http://{host}:{port}", aws_access_key_id="a", aws_secret_access_key="b",
            region_name="us-east-1",
        )  # fmt: skip
        self.stack.callback(self._client.close)
        self._bucket = f"b{uuid.uuid4().hex}"
        self._client.create_bucket(Bucket=self._bucket)

    def config(self) -> Mapping[str, Any]:
        return {
            "path": f"s3://{self._bucket}/lake",
            "endpoint_url": f"http://127.0.0.1:{self._port}",
            "access_key_id": "AKIDTEST",
            "secret_access_key": self.secrets[0],
            "connect_timeout_s": 2.0,
            "read_timeout_s": 5.0,
        }

    def sink_kind(self) -> SinkKind:
        return S3_PARQUET

    async def held(self) -> Any:
        get = partial(self._client.get_object, Bucket=self._bucket)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        bodies = (get(Key=key)["Body"].read() for key in keys if key.endswith(".parquet"))
        return sorted(row for body in bodies for row in _rows(BytesIO(body)))

    def wanted(self, log: Clean) -> Any:
        return places_of(log)
