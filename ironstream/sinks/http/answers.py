"""What an answer means: done, refused, or to be tried again. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from ironstream.sinks.http.client import Answer
from ironstream.sinks.sink import SinkUnavailableError

WAIT_MAX_S: Final = 3600.0
"""A target that asks for more is asked again after this."""
_DATA: Final = frozenset((400, 413, 422))
"""What the target has against the data itself."""
_BUSY: Final = frozenset((408, 409, 425, 429))
_HINTS: Final = {
    401: "the credentials are not accepted: check token, oauth or headers",
    403: "the credentials are known but may not write here: ask the target's owner for the right",
    404: "check the path of the url",
    405: "the url does not take POST: check its path",
    415: "the target does not read this: try format, or gzip: false",
}
_NO_REDIRECT: Final = "redirects are not followed: set url to the address that it redirects to"
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request. `whole`: why all of it was refused. `named`: reasons for single records, by id."""

    whole: str | None = None
    named: Mapping[str, str] = field(default_factory=dict)


class AnsweredError(SinkUnavailableError):
    """The target answered, and is to be asked again: the connection to it is good."""

    reconnect = False


class _Named(msgspec.Struct):
    id: str
    reason: str = "refused"


class _Answered(msgspec.Struct):
    refused: list[_Named] = []


def judge(answer: Answer, origin: str, now_s: float, shown: Callable[[str], str]) -> Verdict:
    """What the answer says. Raises AnsweredError for what may pass, or wants something mended that is no data.

    `shown` makes foreign text fit to be shown.
    """
    status = answer.status
    if 200 <= status < 300:
        return Verdict(named=_named(answer, origin, shown))
    told = f"{origin} answered {status} {shown(answer.reason)}".rstrip()
    excerpt = shown(answer.body.decode("utf-8", "replace"))
    detail = f"{told}: {excerpt}" if excerpt else told
    if status in _DATA:
        return Verdict(whole=detail)
    if status in _BUSY or status >= 500:
        raise AnsweredError(detail, retry_after_s=retry_after_s(answer.headers, now_s))
    hint = _NO_REDIRECT if 300 <= status < 400 else _HINTS.get(status, "check url and configuration of the sink")
    raise AnsweredError(detail, hint, retry_after_s=retry_after_s(answer.headers, now_s))


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """How long the target wants to be left alone: Retry-After, else RateLimit-Reset; from 0 to WAIT_MAX_S.

    A date is taken by the target's own clock where it tells it.
    """
    text = headers.get("Retry-After", headers.get("RateLimit-Reset", "")).strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), WAIT_MAX_S)
    until = _date_s(text)
    if until is None:
        return None
    told = _date_s(headers.get("Date", ""))
    return min(max(until - (now_s if told is None else told), 0.0), WAIT_MAX_S)


def _date_s(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _named(answer: Answer, origin: str, shown: Callable[[str], str]) -> dict[str, str]:
    is_json = "json" in answer.headers.get("Content-Type", "").lower()
    if answer.status != 207 and (not is_json or not answer.body.strip()):
        return {}
    if not answer.whole:
        raise AnsweredError(
            f"{origin} answered {answer.status} with more than can be read, so what it refused is not known",
            "let it answer uncompressed and shorter, or raise max_response_bytes",
        )
    found = _decoded(answer.body)
    refused = found.get("refused") if isinstance(found, dict) else None
    if not refused and (answer.status != 207 or refused is not None):
        return {}
    try:
        named = msgspec.convert(found, _Answered).refused
    except (ValueError, RecursionError):
        named = []
    if not named:
        raise AnsweredError(
            f"{origin} answered {answer.status}, and which records it refused cannot be read from its answer",
            'it must answer {"refused": [{"id": "<id of a record>", "reason": "<why>"}, …]}',
        )
    return {one.id: shown(one.reason) or "refused" for one in named}


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None  # an "OK" that calls itself JSON names nothing
