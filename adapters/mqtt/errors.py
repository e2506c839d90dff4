"""What can go wrong with a broker, as errors of the gateway."""

from __future__ import annotations

import ssl
from typing import Final

from paho.mqtt.reasoncodes import ReasonCode

from adapters.mqtt.connection import ConnectionConfig
from ironstream.gateway.adapter import (
    AdapterError,
    DeviceConnectionError,
    DeviceRefusedError,
    DeviceSecurityError,
    DeviceTimeoutError,
)

_DISTRUST: Final = frozenset({134, 135, 138, 140})
"""Bad user name or password, not authorized, banned, bad authentication method."""
_HINTS: Final = {
    132: "set `version` to what the broker speaks",
    133: "choose another client_id",
    142: "another client has this client_id: give each pipeline its own",
    151: "the broker's quota is used up",
}


def unreachable(config: ConnectionConfig, error: OSError | ValueError) -> AdapterError:
    """Why there is no connection: the network, or TLS."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return DeviceSecurityError(
            f"{config.where} and we do not trust one another: {reason}",
            "check tls: ca_file, cert_file, and that the certificate is for this host",
        )
    if isinstance(error, TimeoutError):
        return DeviceTimeoutError(f"{config.where} gave no answer in {config.timeout_s:g} s", "check host and port")
    return DeviceConnectionError(f"{config.where} cannot be reached", "check host, port, transport and the network")


def unreadable_certificates(error: OSError | ValueError) -> AdapterError:
    """A file of `tls` that cannot be used."""
    return DeviceSecurityError(
        f"the files of tls cannot be used: {getattr(error, 'strerror', None) or type(error).__name__}",
        "check ca_file, cert_file, key_file and key_password: PEM files that this process may read",
    )


def refused(config: ConnectionConfig, reason: ReasonCode) -> AdapterError:
    """The broker answered, and does not want us."""
    if reason.value in _DISTRUST:
        return DeviceSecurityError(f"{config.where} refused us: {reason}", "check username, password and certificate")
    return DeviceRefusedError(
        f"{config.where} refused the connection: {reason}",
        _HINTS.get(reason.value, "see the broker's log"),
        code=reason.value,
    )


def lost(config: ConnectionConfig, reason: ReasonCode | None = None) -> AdapterError:
    """The connection broke, or the broker ended it."""
    if reason is None or not reason.is_failure or reason.value == 128:
        return DeviceConnectionError(f"{config.where} closed the connection", "it is opened again by itself")
    return DeviceConnectionError(
        f"{config.where} closed the connection: {reason}",
        _HINTS.get(reason.value, "it is opened again by itself"),
    )


def silent(config: ConnectionConfig, what: str) -> AdapterError:
    """The broker is connected and does not answer."""
    hint = "check the broker, or raise timeout_s"
    if config.version == "5":
        # a broker that knows 3.1.1 alone should refuse the version; not every one does
        hint = 'check the broker; where it is older than MQTT 5, set version: "3.1.1"; or raise timeout_s'
    return DeviceTimeoutError(f"{config.where}: no answer to {what} in {config.timeout_s:g} s", hint)
