"""Configuration of the sinks postgres and timescaledb: where the database is, and how long what is kept.

config:
  host: db.plant.example
  database: plant
  user: ironstream
  password: ${secret:store-password}
  tls: verify-full
  retention: {readings_days: 90, aggregates_days: {1s: 7, 10s: 30}}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, model_validator

from ironstream.sinks.classes import DataClass
from ironstream.topology.model.base import Label, Part

_SECRET: Final = re.compile(r"\$\{secret:")
_SCHEME: Final = re.compile(r"postgres(ql)?://")
Days = Annotated[int, Field(ge=1, le=36_500)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,47}$")]
"""A name that PostgreSQL takes as it stands."""
Size = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(s|min|hour)$")]
Tls = Literal["prefer", "require", "verify-full"]


class Retention(Part):
    """For how many days rows are kept, by the time that they carry. What is left empty is kept for ever."""

    readings_days: Days | None = Field(default=None, description="Days that readings are kept.")
    aggregates_days: dict[Size, Days] = Field(
        default_factory=dict, description="Days that aggregates are kept, by window size: `{1s: 7, 10s: 30}`."
    )
    events_days: Days | None = Field(default=None, description="Days that events are kept.")
    alarms_days: Days | None = Field(
        default=None, description="Days that transitions of alarms, and alarms that have cleared, are kept."
    )

    def days(self, data_class: DataClass, size: str = "") -> int | None:
        """Days of a class, for aggregates of a window size."""
        match data_class:
            case DataClass.READINGS:
                return self.readings_days
            case DataClass.AGGREGATES:
                return self.aggregates_days.get(size)
            case DataClass.EVENTS:
                return self.events_days
        return self.alarms_days


class Intervals(Part):
    """How many days one partition (for TimescaleDB: one chunk) holds. Changing it touches new partitions alone."""

    readings_days: Days = Field(default=1, description="Days in a partition of readings.")
    aggregates_days: dict[Size, Days] = Field(
        default_factory=dict,
        description="Days in a partition of aggregates, by window size; else 1 for windows below 10 s, 7 below 1 min,"
        " 30 below 1 h, 365 from there on.",
    )
    events_days: Days = Field(default=30, description="Days in a partition of events.")


class PostgresConfig(Part):
    """Where the database is, as whom, and what is made there."""

    dsn: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host:port/database, whole or its password by `${secret:name}`. A"
        " password with characters such as @ or / is easier to give in `password`.",
    )
    host: Label | None = Field(default=None, description="Host of the server, where no dsn is given.")
    port: int = Field(default=5432, ge=1, le=65_535, description="Port of the server.")
    database: Label = Field(default="ironstream", description="Name of the database, which must exist.")
    user: Label = Field(default="ironstream", description="User that owns the tables.")
    password: SecretStr | None = Field(default=None, description="Password of the user, by `${secret:name}`.")
    tls: Tls | None = Field(
        default=None,
        description="prefer: encrypt where the server can. require: never without, whoever answers. verify-full: its"
        " certificate must be valid for the host. Empty: as the dsn says, else prefer.",
    )
    ca_file: Path | None = Field(
        default=None, strict=False, description="Certificates (PEM) that verify-full trusts; empty: the system's."
    )
    db_schema: Name = Field(
        default="ironstream", alias="schema", description="Schema of the tables, made where it is missing."
    )
    retention: Retention = Field(default=Retention(), description="For how long rows are kept.")
    intervals: Intervals = Field(default=Intervals(), description="How much one partition holds.")
    row_level_security: bool = Field(
        default=False,
        description="Let every role but the owner see the rows of one tenant alone: that of its setting"
        " `ironstream.tenant`. Turning it off again is done by hand, never by the sink.",
    )
    reader_role: Name | None = Field(
        default=None, description="Role, which must exist, that is given the right to read tables and views."
    )
    synchronous_commit: bool = Field(
        default=True,
        description="False: faster on slow disks, but a server that crashes may lose what it took in the last second,"
        " and those rows come again by a replay alone.",
    )
    connect_timeout_s: float = Field(default=10.0, gt=0, le=600, description="How long a connection may take.")
    statement_timeout_s: float = Field(
        default=30.0, gt=0, le=3600, description="After this the server gives a statement up, and it is repeated."
    )

    @model_validator(mode="after")
    def _one_way_to_connect(self) -> Self:
        faults = []
        if (self.dsn is None) == (self.host is None):
            faults.append("give either dsn or host")
        if self.dsn is not None:
            if self.password is not None and self.dsn_parts is not None and self.dsn_parts[3]:
                faults.append("the password stands in dsn and in password: give one of them")
            if not _SECRET.match(self.dsn.get_secret_value()) and not _SCHEME.match(self.dsn.get_secret_value()):
                faults.append("dsn must begin with postgresql://")
        if self.ca_file is not None and self.tls != "verify-full":
            faults.append("ca_file is for tls: verify-full")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def dsn_parts(self) -> tuple[str, int, str, bool] | None:
        """Host, port, database of the dsn, and whether it has a password; None where a secret hides them."""
        if self.dsn is None or _SECRET.match(self.dsn.get_secret_value()):
            return None
        text = self.dsn.get_secret_value()
        url = urlsplit(_SECRET.sub("x", text).replace("}", ""))
        try:
            port = url.port or 5432
        except ValueError:
            port = 0
        return url.hostname or "", port, url.path.lstrip("/"), bool(url.password)

    @property
    def place(self) -> str:
        """Host, port and database, for messages; never a password."""
        if self.dsn is None:
            return f"{self.host}:{self.port}/{self.database}"
        parts = self.dsn_parts
        return "the database of the dsn" if parts is None else f"{parts[0]}:{parts[1]}/{parts[2]}"

    @property
    def claims(self) -> tuple[str, ...]:
        """Two sinks must not write into one schema."""
        if self.dsn is not None and self.dsn_parts is None:
            return (f"schema {self.db_schema} of {self.dsn.get_secret_value()}",)  # the name of a secret
        return (f"schema {self.db_schema} of {self.place}",)

    def interval_days(self, data_class: DataClass, size: str = "", size_s: int = 0) -> int:
        """Days that one partition of a class holds."""
        if data_class is DataClass.READINGS:
            return self.intervals.readings_days
        if data_class is DataClass.EVENTS:
            return self.intervals.events_days
        default = 1 if size_s < 10 else 7 if size_s < 60 else 30 if size_s < 3600 else 365
        return self.intervals.aggregates_days.get(size, default)


class TimescaleConfig(PostgresConfig):
    """The same, for a database that has the extension timescaledb."""

    compress_after_days: Days | None = Field(
        default=7,
        description="Chunks older than this are moved into the columnstore; empty: never. Leave time for late data.",
    )
    continuous_aggregates: bool = Field(
        default=False,
        description="Keep `aggregates_1day` by the extension, from `aggregates_1hour`: needs a topic telemetry.1hour.",
    )

    @model_validator(mode="after")
    def _what_goes_together(self) -> Self:
        faults = []
        if self.row_level_security and self.compress_after_days is not None:
            faults.append("TimescaleDB has no row_level_security on compressed tables: set compress_after_days: null")
        if self.row_level_security and self.continuous_aggregates:
            faults.append("continuous_aggregates show the rows of every tenant: not together with row_level_security")
        if faults:
            raise ValueError("; ".join(faults))
        return self
