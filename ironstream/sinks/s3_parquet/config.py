"""Configuration of the s3-parquet sink.

A sink of topology.yaml carries this under `config:`:

    config:
      path: s3://plant-history/telemetry
      endpoint_url: https://minio.example.com
      access_key_id: ${secret:s3-key}
      secret_access_key: ${secret:s3-secret}
      compression: zstd
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from ironstream.names import IdentityPart
from ironstream.topology.model.base import Part, PositiveSeconds, Seconds

S3: Final = "s3://"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9!_.*'()=/-]*")


class CompactionConfig(Part):
    """How `ironstream sink compact` makes large files of small ones."""

    settle_s: Seconds = Field(
        default=3600.0, description="A day is compacted when it ended this long ago; `--all` compacts every day."
    )
    target_bytes: int = Field(
        default=128 * 1024 * 1024, ge=1024, description="Small files are merged until one is this large."
    )
    target_rows: int = Field(
        default=1_000_000,
        ge=1,
        le=20_000_000,
        description="Most rows of a merged file; all of them are in memory, twice, while it is made.",
    )


class S3ParquetConfig(Part):
    """Parquet files in a bucket, or below a local directory."""

    path: str = Field(
        min_length=1, max_length=1024, description="Where the files go: `s3://bucket/prefix`, or a local directory."
    )
    endpoint_url: str | None = Field(
        default=None, description="Address of an S3 that is not AWS, as https://minio.example.com; empty: AWS."
    )
    region: str | None = Field(default=None, description="Region of the bucket; empty: that of the environment.")
    access_key_id: SecretStr | None = Field(
        default=None,
        description="Access key as `${secret:name}`; empty: the environment's own (variables, profile, role).",
    )
    secret_access_key: SecretStr | None = Field(
        default=None, description="Secret of the access key as `${secret:name}`; given with it, or not at all."
    )
    session_token: SecretStr | None = Field(
        default=None, description="Token of temporary keys as `${secret:name}`; empty: none."
    )
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description="Bucket in the path or the host name of requests; auto: in the path where `endpoint_url` is set.",
    )
    ca_file: str | None = Field(
        default=None, description="File with the certificates (PEM) that sign the endpoint's; empty: the system's."
    )
    connect_timeout_s: PositiveSeconds = Field(default=5.0, description="Longest wait for a connection.")
    read_timeout_s: PositiveSeconds = Field(default=60.0, description="Longest silence of the store during a request.")
    conditional_put: bool = Field(
        default=True,
        description="Files are made only where none of that name is. False: for stores that cannot (no If-None-Match, "
        "no hard links); then an old owner of a partition that is slower than the new one can replace a file of it by "
        "a shorter one, whose rows come back only with a replay.",
    )
    log_id: IdentityPart | Literal[""] = Field(
        default="",
        description="Put before the names of the files. Change it when the topics were made anew: offsets begin at 0 "
        "again, and the files of the old ones would hide new rows.",
    )
    compression: Literal["snappy", "zstd"] = Field(default="snappy", description="Codec of the files: snappy or zstd.")
    compression_level: int | None = Field(
        default=None, ge=1, le=22, description="Level of zstd, 1 (fast) to 22 (small); empty: 3."
    )
    row_group_rows: int = Field(
        default=250_000, ge=1_000, le=10_000_000, description="Rows of a row group, what a query reads at once."
    )
    roll_rows: int = Field(default=500_000, ge=1, le=5_000_000, description="A file is written when it has this many.")
    roll_bytes: int = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        le=4 * 1024**3,
        description="A file is written when its rows take this much memory; on disk they take about a tenth.",
    )
    roll_record_time_s: PositiveSeconds | None = Field(
        default=300.0,
        description="A file ends where the append time of the records passes a multiple of this; empty: nowhere.",
    )
    roll_age_s: PositiveSeconds = Field(
        default=300.0, description="A file is written when its first row waited this long."
    )
    held_rows: int = Field(
        default=1_000_000,
        ge=1,
        le=50_000_000,
        description="Most rows of a topic in memory, over all its partitions (about 300 bytes each); beyond it the "
        "largest file is written early.",
    )
    write_timeout_s: PositiveSeconds = Field(
        default=180.0, description="A write that takes longer is given up and repeated."
    )
    compaction: CompactionConfig = Field(default=CompactionConfig(), description="How `ironstream sink compact` works.")

    @property
    def is_s3(self) -> bool:
        """Whether the files go to a bucket."""
        return self.path.startswith(S3)

    @property
    def bucket(self) -> str:
        """Name of the bucket of an S3 path."""
        return self.path.removeprefix(S3).partition("/")[0]

    @property
    def prefix(self) -> str:
        """What the keys of an S3 path begin with, without a slash at its ends."""
        return self.path.removeprefix(S3).partition("/")[2].strip("/")

    @property
    def area(self) -> tuple[str, ...]:
        """Where the files are, from the outside in; another sink's may lie within it."""
        if not self.is_s3:
            return ("", *Path(self.path).expanduser().absolute().parts)
        endpoint = "" if self.endpoint_url is None else self.endpoint_url.rstrip("/").casefold()
        return (endpoint, f"{S3}{self.bucket}", *(part for part in self.prefix.split("/") if part))

    @property
    def claims(self) -> tuple[str, ...]:
        """Two sinks must not write into one place: their files would hide each other's rows."""
        endpoint, first, *parts = self.area
        where = "/".join((first, *parts)) if self.is_s3 else str(PurePosixPath(first, *parts))
        return (f"files below {where} at {endpoint}" if endpoint else f"files below {where}",)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._path_faults(), *self._s3_faults()]
        if self.compression_level is not None and self.compression != "zstd":
            faults.append("compression_level is of zstd; snappy has none")
        if self.roll_rows > self.held_rows:
            faults.append("roll_rows is more than held_rows: no file could get that large")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _path_faults(self) -> Iterator[str]:
        if not self.is_s3:
            if "://" in self.path:
                yield "path is neither s3://bucket/prefix nor a local directory"
            elif ".." in PurePosixPath(self.path).parts or "\0" in self.path:
                yield "path must not go through '..'"
            return
        if not _BUCKET.fullmatch(self.bucket) or ".." in self.bucket:
            yield f"path: {self.bucket!r} is no name of a bucket"
        if not _PREFIX.fullmatch(self.prefix) or {"", ".", ".."} & set(self.prefix.split("/")) - {self.prefix}:
            yield "path: the prefix may have letters, digits and !_.*'()=- between single slashes"

    def _s3_faults(self) -> Iterator[str]:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            yield "access_key_id and secret_access_key are given together, or neither"
        if self.session_token is not None and self.access_key_id is None:
            yield "session_token goes with access_key_id"
        names = ("endpoint_url", "region", "access_key_id", "session_token", "ca_file")
        if not self.is_s3 and (given := [name for name in names if getattr(self, name) is not None]):
            yield f"{', '.join(given)}: only with a path s3://…"
        if self.endpoint_url is not None:
            try:
                url = urlsplit(self.endpoint_url)
                # .port raises for one that is none
                right = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
            except ValueError:
                right = False
            if not right or url.username or url.password or url.query or url.fragment:
                yield "endpoint_url is http(s)://host[:port], without user, password or query"
