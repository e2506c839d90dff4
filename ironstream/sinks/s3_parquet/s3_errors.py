"""What an S3 client raises, as errors of a sink: what may pass, and what is to be mended. No key is ever in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from ironstream.sinks.sink import SinkUnavailableError

_HINTS: Final = {
    "NoSuchBucket": "make the bucket, or correct `path`",
    "AccessDenied": "the key needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject "
    "below the prefix",
    "InvalidAccessKeyId": "the store does not know the access key: correct the secret of access_key_id",
    "SignatureDoesNotMatch": "the secret is not that of the access key: correct the secret of secret_access_key",
    "ExpiredToken": "the temporary keys have expired: give new ones",
    "InvalidToken": "session_token is not right for the access key",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: synchronise it",
    "PermanentRedirect": "the bucket is in another region, or behind another endpoint: set `region`",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set `region`",
    "InvalidBucketName": "correct the bucket in `path`",
    "NotImplemented": "the store cannot do what was asked; if it is conditional puts, set conditional_put: false",
    "QuotaExceeded": "the quota of the store is used up: raise it, or free space",
    "XMinioStorageFull": "the disks of the store are full: free space there",
}
_BY_STATUS: Final = {
    401: _HINTS["AccessDenied"],
    403: _HINTS["AccessDenied"],
    429: "the store asks for fewer requests; it is tried again",
    507: "the disks of the store are full: free space there",
}
_PASSES: Final = "it is tried again; nothing is lost meanwhile"
_TEXT: Final = 300


def status_of(err: ClientError) -> int:
    """HTTP status of an answer, 0 where it has none."""
    return int(err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(err: ClientError) -> str:
    """S3's name of an error."""
    return str(err.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def told(place: str, redact: Callable[[str], str]) -> Iterator[None]:
    """Everything that the client raises is a SinkUnavailableError with what to do. `place`: as s3://bucket/key."""
    try:
        yield
    except ClientError as err:
        code, status = code_of(err), status_of(err)
        said = redact(str(err.response.get("Error", {}).get("Message", "")))[:_TEXT]
        hint = _HINTS.get(code) or _BY_STATUS.get(status, _PASSES)
        text = f"{place}: {code} (HTTP {status})" + (f": {said}" if said else "")
        raise SinkUnavailableError(text, hint, retry_after_s=_retry_after_s(err)) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise SinkUnavailableError(
            f"{place}: there are no keys",
            "set access_key_id and secret_access_key, or give the environment a profile or role",
        ) from None
    except NoRegionError:
        raise SinkUnavailableError(f"{place}: there is no region", "set `region`") from None
    except (ConnectTimeoutError, ReadTimeoutError, TimeoutError):
        raise SinkUnavailableError(f"{place}: the store did not answer in time", _PASSES) from None
    except SSLError as err:
        raise SinkUnavailableError(
            f"{place}: no secure connection: {redact(str(err))[:_TEXT]}",
            "where the store has certificates of its own, name them with ca_file",
        ) from None
    except EndpointConnectionError:
        raise SinkUnavailableError(
            f"{place}: the store cannot be reached", "see that endpoint_url and region are right, and the store runs"
        ) from None
    except ResponseParserError:
        raise SinkUnavailableError(
            f"{place}: what answers is no S3", "see that endpoint_url is that of the store, not of a page before it"
        ) from None
    except (BotoCoreError, aiohttp.ClientError, OSError) as err:
        raise SinkUnavailableError(f"{place}: {type(err).__name__}: {redact(str(err))[:_TEXT]}", _PASSES) from None


def _retry_after_s(err: ClientError) -> float | None:
    headers = err.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, TypeError, ValueError):
        return None
