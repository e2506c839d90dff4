"""Fields that every sink over HTTP has: how it connects, and what it may reach."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from yarl import URL

from ironstream.errors import ConfigurationError
from ironstream.gateway.secrets import references
from ironstream.sinks.http.urls import Rules, host_key, url_fault
from ironstream.topology.model.base import Label, Part, PositiveSeconds

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset(
    ("connection", "content-encoding", "content-length", "content-type", "expect", "host", "idempotency-key",
     "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip
KEY_BYTES_MIN: Final = 16


def _printable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII characters, at least one (does the secret end with a line break?)")
    return secret


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < KEY_BYTES_MIN:
        raise ValueError(f"a key of less than {KEY_BYTES_MIN} bytes can be guessed")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_printable)]
"""Text that is sent in a header and never shown."""
SigningKey = Annotated[SecretStr, AfterValidator(_long_enough)]


class HttpConfig(Part):
    """How a sink connects. What it may reach is public addresses over https, and what is allowed here."""

    # a fault's input may be a secret
    model_config = ConfigDict(hide_input_in_errors=True)

    allow_http: bool = Field(
        default=False, description="Take http:// too: what is sent, tokens too, may be read and changed on its way."
    )
    allow_hosts: tuple[Label, ...] = Field(
        default=(),
        strict=False,
        description="Hosts that may have an address that is not public (loopback, private, link-local, …).",
    )
    allow_networks: tuple[Label, ...] = Field(
        default=(), strict=False, description="Networks that may be reached though they are not public: 10.1.0.0/16."
    )
    ca_file: Path | None = Field(
        default=None, strict=False, description="Certificates (PEM) to trust instead of those of the system."
    )
    client_certificate_file: Path | None = Field(
        default=None, strict=False, description="Certificate (PEM) that the target may ask for."
    )
    client_key_file: Path | None = Field(
        default=None, strict=False, description="Key (PEM, without a password) of the client certificate."
    )
    connect_timeout_s: PositiveSeconds = Field(default=10.0, description="Longest wait for a connection, TLS included.")
    timeout_s: PositiveSeconds = Field(default=30.0, description="Longest time of one request with its answer.")
    max_response_bytes: int = Field(
        default=1 << 20, ge=1024, le=1 << 28, description="Bytes of an answer that are read at most."
    )

    @property
    def rules(self) -> Rules:
        """What may be reached."""
        hosts = frozenset(map(_wire_name, self.allow_hosts))
        return Rules(self.allow_http, hosts, tuple(ip_network(one) for one in self.allow_networks))

    def url_fields(self) -> dict[str, str]:
        """URLs of the configuration by the names of their fields."""
        return {}

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        faults = []
        for one in self.allow_networks:
            try:
                ip_network(one)
            except ValueError as error:
                faults.append(f"allow_networks: {error}")
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            faults.append("client_certificate_file and client_key_file go together")
        if not faults:
            # A URL whose text is still a secret is looked at when it is known, before anything is sent.
            urls = {name: text for name, text in self.url_fields().items() if not references(text)}
            found = {name: url_fault(text, self.rules) for name, text in urls.items()}
            faults += [f"{name} {fault}" for name, fault in found.items() if fault is not None]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _wire_name(host: str) -> str:
    """The host as URLs have it when they are sent: names in ASCII, addresses in their shortest form."""
    try:
        return host_key(URL.build(scheme="https", host=host.strip("[]")).raw_host or host)
    except ValueError:
        return host_key(host)


Headers = Annotated[dict[str, Secret], AfterValidator(lambda headers: _checked_headers(headers))]


def _checked_headers(headers: dict[str, Secret]) -> dict[str, Secret]:
    faults = [f"{name!r} is no name of a header" for name in headers if not _TOKEN.fullmatch(name)]
    faults += [
        f"{name} is set by the sink itself"
        for name in headers
        if name.lower() in _OURS or name.lower().startswith("x-ironstream-")
    ]
    if faults:
        raise ValueError("; ".join(faults))
    return headers


def file_of(path: Path, field: str) -> str:
    """The path as text. Raises ConfigurationError where no file is there."""
    if not path.is_file():
        raise ConfigurationError(f"{field}: there is no file {path}", "name a PEM file that this process may read")
    return str(path)
