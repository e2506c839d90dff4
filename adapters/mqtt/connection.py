"""Configuration of the connection to a broker."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TlsConfig(BaseModel):
    """TLS. The server's certificate is always verified, and its name unless `check_server_name` is false."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: str | None = Field(
        default=None,
        description="PEM file of the authorities that the server's certificate must come from; empty: the system's.",
    )
    cert_file: str | None = Field(
        default=None, description="PEM file of our own certificate, where the broker asks for one."
    )
    key_file: str | None = Field(default=None, description="PEM file of its key; empty: it is in cert_file.")
    key_password: str | None = Field(default=None, repr=False, description="Password of the key, as `${secret:name}`.")
    check_server_name: bool = Field(
        default=True,
        description="Whether the certificate must be for `host`; false only for brokers reached by another name.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cert_file is None and (self.key_file is not None or self.key_password is not None):
            raise ValueError("key_file and key_password need cert_file")
        return self


class ConnectionConfig(BaseModel):
    """One broker, and the session that it keeps for us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, description="Host name or address of the broker.")
    port: int = Field(default=1883, ge=1, le=65535, description="Port of the broker; with TLS usually 8883.")
    version: Literal["5", "3.1.1"] = Field(default="5", description="Version of MQTT that the broker speaks.")
    transport: Literal["tcp", "websockets"] = Field(default="tcp", description="tcp, or websockets (with tls: wss).")
    websocket_path: str = Field(default="/mqtt", description="Path of the broker's websocket.")
    tls: TlsConfig | None = Field(default=None, description="TLS; left out: none. `{}` takes the system's authorities.")
    username: str | None = Field(default=None, description="User, where the broker asks for one.")
    password: str | None = Field(default=None, repr=False, description="Password, as `${secret:name}`.")
    client_id: str = Field(
        min_length=1,
        max_length=256,
        description="Name of the session at the broker: it must stay the same, and no other client may have it.",
    )
    session_expiry_s: int = Field(
        default=604_800,
        ge=0,
        le=0xFFFF_FFFF,
        description="How long the broker keeps messages of QoS 1 and 2 while we are away (7 days); 0: it does not. "
        "With 3.1.1 the broker decides how long.",
    )
    keepalive_s: int = Field(default=30, ge=1, le=65535, description="Time after which a silent connection is probed.")
    timeout_s: float = Field(default=10.0, gt=0, description="Longest wait for the connection and for one answer.")
    max_in_flight: int = Field(
        default=1000,
        ge=1,
        le=65535,
        description="Messages of QoS 1 and 2 that are not yet in Kafka; beyond them the broker keeps the rest.",
    )
    max_waiting: int = Field(
        default=10_000,
        ge=1,
        description="Messages of QoS 0 that wait to be read; beyond them the newest are dropped and counted.",
    )

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("password needs username")
        return self

    @property
    def where(self) -> str:
        """The broker, for messages."""
        return f"{self.host}:{self.port}"
