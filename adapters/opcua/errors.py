"""What the client library and the server raise, as the gateway's errors."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.uacrypto import InvalidSignature

from adapters.opcua.status import symbol
from adapters.opcua.wire import WireError
from ironstream.gateway.adapter import (
    AdapterError,
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceSecurityError,
    DeviceTimeoutError,
)

_USER: Final = frozenset(
    {"BadUserAccessDenied", "BadIdentityTokenInvalid", "BadIdentityTokenRejected", "BadUserSignatureInvalid"}
)
_OURS: Final = frozenset({"BadSecurityChecksFailed", "BadSecurityPolicyRejected", "BadApplicationSignatureInvalid"})
_GONE: Final = frozenset(
    {
        "BadConnectionClosed",
        "BadSecureChannelClosed",
        "BadSecureChannelIdInvalid",
        "BadSecureChannelTokenUnknown",
        "BadServerHalted",
        "BadServerNotConnected",
        "BadSessionClosed",
        "BadSessionIdInvalid",
        "BadSessionNotActivated",
        "BadShutdown",
        "BadTcpServerTooBusy",
    }
)


@contextmanager
def told(where: str, doing: str) -> Iterator[None]:
    """Turn whatever fails while `doing` something at the server `where` into an AdapterError."""
    try:
        yield
    except AdapterError:
        raise
    except TimeoutError as error:
        raise DeviceTimeoutError(
            f"{where} gave no answer in time while {doing}",
            "check the network and the server's load, or timeout_s",
        ) from error
    except OSError as error:
        raise DeviceConnectionError(
            f"no connection to {where} while {doing}: {error.strerror or type(error).__name__}",
            "check endpoint and host, the network and whether the server runs",
        ) from error
    except ua.UaStatusCodeError as error:
        raise refused(error.code, where, doing) from error
    except ServiceError as error:
        raise refused(error.code, where, doing) from error
    except InvalidSignature as error:
        raise DeviceSecurityError(
            f"{where} signed with another key than its certificate has, while {doing}",
            "somebody may stand between: compare the certificate with the one on the server",
        ) from error
    except (ua.UaError, WireError, struct.error, ValueError, TypeError, LookupError) as error:
        raise DeviceProtocolError(
            f"{where} answered what OPC UA does not allow while {doing}: {type(error).__name__}: {error}",
            "see whether the server has a newer version; a trace of the connection shows the answer",
        ) from error


def refused(code: int, where: str, doing: str) -> AdapterError:
    """The error for a status code that the server gave to a whole call."""
    name = symbol(code)
    text = f"{where} answered {name} while {doing}"
    if name in _USER:
        return DeviceSecurityError(text, "check username and password (or the user's certificate) and his rights there")
    if name in _OURS or name.startswith("BadCertificate"):
        return DeviceSecurityError(text, "the server does not trust us: put pki/own/cert.der into its list")
    if name in _GONE:
        return DeviceConnectionError(text, "it may have been restarted; the connection is made anew")
    if name in ("BadTimeout", "BadRequestTimeout"):
        return DeviceTimeoutError(text, "check the load of the server, or raise timeout_s")
    if name in ("BadTooManySessions", "BadTooManySubscriptions", "BadTooManyMonitoredItems"):
        return DeviceRefusedError(text, "close other clients, raise the server's limit, or use mode poll", code=code)
    return DeviceRefusedError(text, "look the status code up in the server's manual", code=code)
