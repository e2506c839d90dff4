"""Settings of a process, from the environment (`IRONSTREAM_…`); what the plant is like is in topology.yaml instead."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ironstream.errors import ConfigurationError

ENV_PREFIX = "IRONSTREAM_"
Port = Annotated[int, Field(ge=0, le=65535)]
Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
KAFKA_NAME = r"^[A-Za-z0-9._-]*$"
"""Characters that Kafka allows in the names of topics and groups."""


class Settings(BaseSettings):
    """Settings of one process of one deployment; the defaults suit one machine with the embedded Kafka.

    Read them with `load_settings`, which turns faults into a `ConfigurationError` that names each of them.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    bootstrap: str = Field("127.0.0.1:9092", description="Kafka brokers to start from: host:port, separated by commas.")
    topic_prefix: str = Field(
        "", pattern=KAFKA_NAME, max_length=100, description="Put before the name of every topic of this deployment."
    )
    partitions: int = Field(
        12,
        ge=1,
        le=1000,
        description="Partitions of every topic; fixed once the topics exist, best divisible by workers.",
    )
    replication: int = Field(1, ge=1, le=9, description="Copies of every partition that Kafka keeps; 3 on a cluster.")
    application_id: str = Field(
        "ironstream", pattern=KAFKA_NAME, min_length=1, max_length=100, description="Prefix of the consumer groups."
    )
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("ironstream", appauthor=False),
        description="Folder of the local state and of the embedded Kafka.",
    )
    topology: Path = Field(Path("topology.yaml"), description="File that declares sites, assets, rules and sinks.")

    commit_interval_s: float = Field(
        2.0, gt=0, le=60, description="Seconds between commits of an agent's state; latency does not depend on it."
    )
    session_timeout_s: float = Field(
        10.0, ge=1, le=300, description="Seconds after which the group gives a silent worker's partitions to others."
    )
    output_wire: Literal["json", "avro"] = Field(
        "json", description="Wire of telemetry.clean: JSON, or Avro in Confluent framing by the schema files."
    )
    schemas: Path | None = Field(
        None, description="Folder of Avro schemas, each in a file named after its id (7.avsc); unset: no Avro is read."
    )
    store_cache_mb: int = Field(
        64, ge=1, description="MiB of memory for blocks of the local state and for what is not yet written to it."
    )
    compression: Compression = Field("none", description="Compression of what is produced.")

    java: Literal["bundled", "system"] = Field(
        "bundled", description="Java of the embedded Kafka: the bundled one, or JAVA_HOME or PATH (17 or newer)."
    )
    kafka_heap_mb: int = Field(512, ge=192, description="Heap of the embedded Kafka in MiB.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="Lines for machines or for people.")
    metrics_host: str = Field("127.0.0.1", description="Address that /metrics, /live and /ready listen on.")
    metrics_port: Port | None = Field(
        None, description="Port of /metrics, /live and /ready; 0 takes a free one, unset serves none."
    )

    security_protocol: SecurityProtocol = Field("PLAINTEXT", description="How to speak to Kafka.")
    sasl_mechanism: SaslMechanism = Field("SCRAM-SHA-512", description="How to log in, with a SASL_ protocol.")
    sasl_username: str | None = Field(None, description="User to log in as, with a SASL_ protocol.")
    sasl_password: SecretStr | None = Field(None, description="Password of that user.")
    ssl_ca_file: Path | None = Field(None, description="Certificates (PEM) to trust; unset: those of the system.")
    ssl_cert_file: Path | None = Field(None, description="Client certificate (PEM), where Kafka asks for one.")
    ssl_key_file: Path | None = Field(None, description="Key (PEM) of the client certificate.")
    ssl_key_password: SecretStr | None = Field(None, description="Password of that key.")

    @field_validator("bootstrap")
    @classmethod
    def _bootstrap_is_host_port(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(f"{server.strip()!r} is not host:port")
        return value

    @field_validator("data_dir", "topology", "schemas")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value and value.expanduser()

    @model_validator(mode="after")
    def _security_is_complete(self) -> Settings:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        if self.ssl_key_file and not self.ssl_cert_file:
            raise ValueError("ssl_key_file needs ssl_cert_file")
        return self

    def topic(self, name: str) -> str:
        """Name in Kafka of a topic of the contract."""
        return self.topic_prefix + name

    def kafka_client_kwargs(self) -> dict[str, Any]:
        """Arguments of every aiokafka client: where Kafka is and how to get in.

        Raises ConfigurationError when a certificate or key cannot be read.
        """
        kwargs: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap.split(",")],
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            kwargs["ssl_context"] = self._ssl_context()
        if self.security_protocol.startswith("SASL"):
            assert self.sasl_password is not None  # _security_is_complete
            kwargs["sasl_mechanism"] = self.sasl_mechanism
            kwargs["sasl_plain_username"] = self.sasl_username
            kwargs["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return kwargs

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca_file)
            if self.ssl_cert_file:
                password = self.ssl_key_password.get_secret_value() if self.ssl_key_password else None
                # an empty password keeps OpenSSL from asking at the terminal
                context.load_cert_chain(self.ssl_cert_file, self.ssl_key_file, password or "")
        except OSError as err:  # ssl.SSLError among them
            files = [str(f) for f in (self.ssl_ca_file, self.ssl_cert_file, self.ssl_key_file) if f]
            raise ConfigurationError(
                f"The TLS files cannot be used ({', '.join(files)}): {err}",
                f"Check {ENV_PREFIX}SSL_CA_FILE, {ENV_PREFIX}SSL_CERT_FILE, {ENV_PREFIX}SSL_KEY_FILE"
                f" and {ENV_PREFIX}SSL_KEY_PASSWORD.",
            ) from err
        return context


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides` (of the command line) go before it, None among them is left out.

    Raises ConfigurationError that names every setting at fault and what is wrong with it, never its value.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as err:
        faults = []
        for fault in err.errors(include_url=False, include_input=False):
            name = f"{ENV_PREFIX}{fault['loc'][0]}".upper() if fault["loc"] else "settings"
            faults.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}")
        raise ConfigurationError(
            "The settings cannot be used:\n  " + "\n  ".join(faults), "Mend or unset these environment variables."
        ) from err
