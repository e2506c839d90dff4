"""Configuration of the OPC UA adapter.

A pipeline of topology.yaml carries this under `config:`:

    config:
      endpoint: opc.tcp://plc.example.com:4840
      mode: subscribe
      security: auto
      username: reader
      password: ${secret:plc_password}
      namespaces: {plant: "http://example.com/plant"}
      tags:
        - {name: temperature, node: "ns=plant;s=Line1.Temperature", unit: degC}
        - {name: running, node: "nsu=http://example.com/plant;s=Line1.Running", event: true}
        - {name: recipe, node: "/Objects/plant:Line1/plant:Recipe", text: true}
      alarms:
        - {notifier: i=2253}
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlparse

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from adapters.opcua.alarm_config import AlarmSource
from adapters.opcua.nodes import NodeName, parse_node
from adapters.opcua.plan import ITEMS_IN_ALL, ServerProfile
from ironstream.gateway.report_config import ReportConfig
from ironstream.names import IdentityPart, twice
from ironstream.naming import Nameless


class Mode(StrEnum):
    """How values come: asked for on the gateway's grid, or sent by the server when they change."""

    POLL = "poll"
    SUBSCRIBE = "subscribe"


class DeviceTime(StrEnum):
    """Which of the server's two times is the device time."""

    AUTO = "auto"
    SOURCE = "source"
    SERVER = "server"


class Security(StrEnum):
    """Security policies; `auto` is the strongest that the server offers, and never `none`."""

    AUTO = "auto"
    NONE = "none"
    BASIC256SHA256 = "Basic256Sha256"
    AES128_SHA256_RSAOAEP = "Aes128Sha256RsaOaep"
    AES256_SHA256_RSAPSS = "Aes256Sha256RsaPss"


class Deadband(BaseModel):
    """The server's own deadband: it sends a value that moved further. As text: `0.5` absolute, `2%` percent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["none", "absolute", "percent"] = Field(
        default="none", description="none, absolute (in the unit of the node) or percent (of its EURange)."
    )
    value: float = Field(default=0.0, ge=0, description="How far a value must move, in its unit or percent.")

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, data: object) -> object:
        if isinstance(data, str):
            number = data.strip().removesuffix("%")
            return {"type": "percent" if data.strip().endswith("%") else "absolute", "value": number}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.type == "none") != (self.value == 0):
            raise ValueError("a deadband needs type absolute or percent, and a value above 0")
        if self.type == "percent" and self.value > 100:
            raise ValueError("a deadband of type percent is at most 100")
        return self


class Tag(BaseModel):
    """One node: a number becomes a reading, text an event, an array or a structure one parameter for each part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: IdentityPart = Field(description="Name of the parameter in ironstream.")
    node: str = Field(
        min_length=1,
        description="The node: nsu=URI;s=NAME, ns=INDEX_OR_ALIAS;i=NUMBER, or a browse path such as /Objects/2:Line.",
    )
    asset: IdentityPart | None = Field(default=None, description="Asset of this tag; empty: the pipeline's.")
    unit: str | None = Field(default=None, description="Unit of the value.")
    event: bool = Field(default=False, description="Send an event on each change as well (discrete states).")
    text: bool = Field(
        default=False,
        description="The node holds text or a time, which is sent as events alone. Left out: seen when it is read.",
    )
    index: int | None = Field(default=None, ge=0, description="Element of an array to take, from 0, in place of all.")
    field: str | None = Field(
        default=None, min_length=1, description="Field of a structure to take (a.b for an inner one), in place of all."
    )
    report: ReportConfig | None = Field(
        default=None, description="Report by exception; left out: the `report` of the server."
    )
    sampling_interval_s: float | None = Field(
        default=None, ge=0, description="How often the server looks at the node; left out: that of the server's config."
    )
    queue_size: int | None = Field(default=None, ge=1, le=100_000, description="As `queue_size` of the server.")
    discard_oldest: bool | None = Field(default=None, description="As `discard_oldest` of the server.")
    trigger: Literal["status", "status_value", "status_value_timestamp"] | None = Field(
        default=None, description="As `trigger` of the server."
    )
    deadband: Deadband = Field(default=Deadband(), description="The server's own deadband (mode subscribe).")

    @property
    def key(self) -> str:
        """Tells the tag from all others of the server."""
        return f"{self.asset}/{self.name}" if self.asset else self.name

    @property
    def path(self) -> str | None:
        """The one part of the value that is wanted, as `values.Leaf.path` names it; None: all of it."""
        if self.index is None and self.field is None:
            return None
        return (f".{self.index}" if self.index is not None else "") + (f".{self.field}" if self.field else "")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.deadband.type != "none" and (self.text or self.trigger == "status"):
            raise ValueError("a deadband is of numbers, with trigger status_value or status_value_timestamp")
        if self.text and self.event:
            raise ValueError("text is always sent as an event: leave out event")
        return self


class OpcUaConfig(BaseModel):
    """One OPC UA server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = Field(description="URL of the server, opc.tcp://HOST:PORT/PATH.")
    host: str | None = Field(
        default=None, min_length=1, description="Host to connect to where it is not that of the URL (behind a NAT)."
    )
    mode: Mode = Field(default=Mode.SUBSCRIBE, description="subscribe: the server sends changes. poll: it is asked.")
    tags: tuple[Tag, ...] = Field(default=(), description="The nodes.")
    alarms: tuple[AlarmSource, ...] = Field(default=(), description="Alarms and conditions (mode subscribe).")
    namespaces: dict[str, str] = Field(default_factory=dict, description="Short names for namespace URIs.")
    device_time: DeviceTime = Field(
        default=DeviceTime.AUTO,
        description="auto: the source time of a change, and the server's of a value that is told again or has long not "
        "changed. source: the source time, however old. server: the server's.",
    )
    report: ReportConfig = Field(default=ReportConfig(), description="Report by exception of tags without their own.")

    security: Security = Field(default=Security.AUTO, description="Security policy; auto: the strongest offered.")
    security_mode: Literal["sign_and_encrypt", "sign"] = Field(
        default="sign_and_encrypt",
        description="What a secure channel does; auto takes sign where that is all there is.",
    )
    pki_folder: Path = Field(default=Path("pki"), description="Folder of the certificates (see README).")
    application_uri: str | None = Field(
        default=None, min_length=3, description="Our ApplicationURI; left out: urn:HOSTNAME:ironstream."
    )
    check_hostname: bool = Field(
        default=True, description="The server's certificate must name the host of the URL (or `host`)."
    )
    require_crl: bool = Field(
        default=False, description="Trust a certificate only with a revocation list of its issuer in pki/crls."
    )
    username: str | None = Field(default=None, min_length=1, description="User name; left out: anonymous.")
    password: SecretStr | None = Field(default=None, description="Password of the user, by ${secret:name}.")
    user_certificate: Path | None = Field(default=None, description="Certificate of the user (PEM or DER).")
    user_key: Path | None = Field(default=None, description="Private key of the user (PEM or DER, without password).")
    allow_plain_password: bool = Field(
        default=False, description="Send the password though nothing would encrypt it: for tests only."
    )

    timeout_s: float = Field(default=5.0, gt=0, description="Longest wait for a connection and for one answer.")
    probe_interval_s: float = Field(default=10.0, gt=0, description="How often a missing node is tried again.")
    max_items_per_call: int | None = Field(
        default=None, ge=1, le=10_000, description="Items of one call; left out: what the server says."
    )
    server_profile: ServerProfile = Field(
        default=ServerProfile.UNKNOWN,
        description="Limits of a server that tells none.",
    )
    max_parts: int = Field(
        default=100, ge=1, le=10_000, description="Parameters that an array or a structure becomes at most."
    )

    publishing_interval_s: float = Field(default=1.0, gt=0, description="How often the server sends what has changed.")
    heartbeat_timeout_s: float = Field(
        default=10.0, gt=0, description="A server from which nothing was heard for so long is taken for lost."
    )
    sampling_interval_s: float | None = Field(
        default=None, ge=0, description="How often the server looks at a node; left out: the publishing interval."
    )
    queue_size: int = Field(default=10, ge=1, le=100_000, description="Values that the server keeps of each node.")
    discard_oldest: bool = Field(default=True, description="A full queue of the server drops its oldest value.")
    trigger: Literal["status", "status_value", "status_value_timestamp"] = Field(
        default="status_value", description="What makes the server send a value: a change of its status, value or time."
    )
    max_waiting: int = Field(
        default=100_000, ge=100, description="Values that wait here to be read; then the server is asked for no more."
    )
    history: bool = Field(default=True, description="Fetch from the server's history what changed during a loss.")
    history_max_s: float = Field(default=86_400.0, gt=0, description="How far back history is asked for.")
    history_max_values: int = Field(default=100_000, ge=1, description="Values of one node fetched after one loss.")
    history_page: int = Field(default=1000, ge=1, le=100_000, description="Values of one node in one answer.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults: list[str] = []
        url = urlparse(self.endpoint)
        try:
            complete = url.scheme == "opc.tcp" and bool(url.hostname) and (url.port or 4840) > 0
        except ValueError:
            complete = False
        if not complete:
            faults.append("endpoint must be opc.tcp://HOST:PORT, with any path after it")
        elif url.username or url.password:
            faults.append("endpoint must not hold a user: give username and password")
        if not self.tags and not self.alarms:
            faults.append("give tags or alarms: there is nothing to read")
        faults += [f"tag {name} is given twice" for name in twice(tag.key for tag in self.tags)]
        nodes = [(f"tag {tag.key}", tag.node) for tag in self.tags]
        nodes += [(f"alarms.{number}", source.notifier) for number, source in enumerate(self.alarms)]
        for label, node in nodes:
            try:
                self.node(node)
            except ValueError as error:
                faults.append(f"{label}: node {error}")
        if self.alarms and self.mode is Mode.POLL:
            faults.append("alarms need mode subscribe")
        most = ITEMS_IN_ALL.get(self.server_profile)
        if most is not None and self.mode is Mode.SUBSCRIBE and len(self.tags) + len(self.alarms) > most:
            faults.append(f"a server of profile {self.server_profile} takes {most} monitored items: use mode poll")
        faults += self._user_faults()
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _user_faults(self) -> list[str]:
        faults: list[str] = []
        if self.password is not None and self.username is None:
            faults.append("password needs username")
        if (self.user_certificate is None) != (self.user_key is None):
            faults.append("user_certificate and user_key need one another")
        if self.user_certificate is not None and self.username is not None:
            faults.append("give username or user_certificate, not both")
        if self.user_certificate is not None and self.security is Security.NONE:
            faults.append("user_certificate needs a secure channel: security auto or a policy")
        return faults

    @property
    def nameless(self) -> list[Nameless]:
        """Tags and sources of alarms without an asset."""
        tags = [Nameless(("tags", at), tag.name) for at, tag in enumerate(self.tags) if tag.asset is None]
        return tags + [
            Nameless(("alarms", at), f"{what} of {source.notifier}", "`asset` of the source")
            for at, source in enumerate(self.alarms)
            if (what := source.nameless)
        ]

    def node(self, text: str) -> NodeName:
        """The node that a tag or a notifier names. Raises ValueError."""
        return parse_node(text, self.namespaces)

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"{self.endpoint} at {self.host}" if self.host else self.endpoint
