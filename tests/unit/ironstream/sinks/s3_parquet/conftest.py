"""An S3 server for the tests of the module, and a bucket for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from tests.support.parquet import config_of

KEYS: dict[str, Any] = {"access_key_id": "AKIDTEST", "secret_access_key": "very-secret"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of its own on a real HTTP server."""

    name: str
    url: str
    client: Any

    def config(self, **more: Any) -> S3ParquetConfig:
        return config_of(**{"path": f"s3://{self.name}/lake", "endpoint_url": self.url, **KEYS, **more})

    def files(self) -> list[str]:
        """Keys of the Parquet files."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return sorted(one["Key"] for one in found if one["Key"].endswith(".parquet"))


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_url: str) -> Iterator[Bucket]:
    client = boto3.client(
        "s3", endpoint_url=s3_url, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    name = f"b{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    yield Bucket(name, s3_url, client)
    client.close()
