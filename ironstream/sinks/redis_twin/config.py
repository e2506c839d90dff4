"""Configuration of the digital twin in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from ironstream.names import twice
from ironstream.topology.model.base import Part, PositiveSeconds

RingField = Literal[
    "avg", "min", "max", "stddev", "count", "p50", "p95", "p99", "first", "last", "time_weighted_avg", "unit",
    "percentile_method", "good", "suspect", "uncertain", "bad", "pct_good",
]  # fmt: skip
"""What a window in the ring may hold beside its time, revision and finality."""
WINDOWS_A_DAY: Final = 1440
_DAY_S: Final = 86_400

KeyPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$")]


class RedisTwinConfig(Part):
    """A Redis (6.2 or newer), or a Redis Cluster, that holds the latest state of the plant in memory."""

    host: str = Field(min_length=1, description="Host name or address of Redis; of any node of a cluster.")
    port: int = Field(default=6379, ge=1, le=65535, description="TCP port of Redis.")
    database: int = Field(default=0, ge=0, le=65535, description="Number of the database; a cluster has 0 alone.")
    username: str | None = Field(default=None, description="User to log in as (ACL); empty: the default user.")
    password: SecretStr | None = Field(default=None, description="Password, as `${secret:name}`.")
    tls: bool = Field(default=False, description="Speak TLS; the server's certificate is always verified.")
    tls_ca_file: str | None = Field(default=None, description="Certificates (PEM) to trust; empty: the system's.")
    tls_cert_file: str | None = Field(default=None, description="Client certificate (PEM), where Redis asks for one.")
    tls_key_file: str | None = Field(default=None, description="Key (PEM) of the client certificate.")
    cluster: bool = Field(default=False, description="The host is a node of a Redis Cluster.")
    key_prefix: KeyPrefix = Field(
        default="ironstream", description="Begin of every key, so that several deployments can share one Redis."
    )
    retention_days: int = Field(
        default=30,
        ge=1,
        le=366,
        description="Length of the ring of 1 min aggregates; a day later what is gone expires.",
    )
    ring_fields: tuple[RingField, ...] = Field(
        default=("avg", "min", "max", "count", "pct_good"),
        min_length=1,
        strict=False,
        description="What each window of the ring holds; every one more costs about 20 bytes a window.",
    )
    timeout_s: PositiveSeconds = Field(default=5.0, description="Longest wait for a connection and for one answer.")

    @property
    def claims(self) -> Sequence[str]:
        """Where it writes: two sinks must not both own one twin."""
        return (f"redis {self.host.casefold()}:{self.port}/{self.database} keys {self.key_prefix}:",)

    @property
    def retention_ms(self) -> int:
        """Length of the ring in ms."""
        return self.retention_days * _DAY_S * 1000

    @property
    def max_windows(self) -> int:
        """Windows that a ring can hold."""
        return self.retention_days * WINDOWS_A_DAY

    @property
    def ttl_s(self) -> int:
        """After so long without a change a key expires, in s."""
        return (self.retention_days + 1) * _DAY_S

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [f"ring_fields: {name} is given twice" for name in twice(self.ring_fields)]
        files = {name: getattr(self, name) for name in ("tls_ca_file", "tls_cert_file", "tls_key_file")}
        faults += [f"{name} needs `tls: true`" for name, file in files.items() if file and not self.tls]
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            faults.append("tls_cert_file and tls_key_file go together")
        if self.username is not None and self.password is None:
            faults.append("username needs password")
        if self.cluster and self.database != 0:
            faults.append("a cluster has database 0 alone")
        if faults:
            raise ValueError("; ".join(faults))
        return self
