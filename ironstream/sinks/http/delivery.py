"""Messages to a target: in order, signed, in requests that it takes; what it refuses is found record by record."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ironstream.sinks.bisect import bisect
from ironstream.sinks.http import signing
from ironstream.sinks.http.answers import AnsweredError, Verdict, judge
from ironstream.sinks.http.client import Answer, HttpClient
from ironstream.sinks.http.messages import Message, batches
from ironstream.sinks.http.oauth import OAuthTokens
from ironstream.sinks.http.progress import Progress
from ironstream.sinks.http.urls import Target
from ironstream.sinks.sink import Refusal, SinkContext

BodyFormat = Literal["json", "ndjson", "single"]
REFUSED: Final = "refused"
_CONTENT_TYPES: Final[dict[BodyFormat, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "single": "application/json",
}
_THREAD_BYTES: Final = 1 << 16
"""Bodies from this on are packed in a thread, so that other sinks go on meanwhile."""


@dataclass(frozen=True, slots=True)
class Form:
    """What requests look like. `single`: each holds one message, not a list."""

    body: BodyFormat = "json"
    gzip: bool = True
    max_records: int = 1000
    max_body_bytes: int = 4 << 20
    keys: tuple[bytes, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None


class Delivery:
    """Delivers messages of one sink."""

    def __init__(
        self,
        client: HttpClient,
        target: Target,
        form: Form,
        context: SinkContext,
        tokens: OAuthTokens | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._target, self._form, self._tokens, self._clock = client, target, form, tokens, clock
        self._context = context
        self._progress: Progress[Verdict] = Progress()

    async def deliver(self, topic: str, messages: Sequence[Message]) -> list[Refusal]:
        """Send all; places of refusals are those of the messages. Raises SinkUnavailableError."""
        if not messages:
            return []
        refusals: list[Refusal] = []
        at = 0
        with self._progress.attempt(topic, messages[0].id) as answered:
            for batch in batches(messages, self._form.max_records, self._form.max_body_bytes):
                found = await self._batch(topic, batch, answered)
                refusals += [Refusal(at + place, REFUSED, detail) for place, detail in sorted(found.items())]
                at += len(batch)
        return refusals

    async def _batch(self, topic: str, batch: Sequence[Message], answered: dict[str, Verdict]) -> dict[int, str]:
        named: dict[str, str] = {}

        async def attempt(rows: Sequence[Message]) -> str | None:
            key = signing.idempotency_key(topic, (row.id for row in rows))
            verdict = answered.get(key)
            if verdict is None:
                verdict = answered[key] = await self._send(topic, key, rows)
            named.update(verdict.named)
            return verdict.whole

        refused = dict(await bisect(batch, attempt))
        return refused | {place: named[row.id] for place, row in enumerate(batch) if row.id in named}

    async def _send(self, topic: str, key: str, rows: Sequence[Message]) -> Verdict:
        form = self._form
        if sum(len(row.text) for row in rows) < _THREAD_BYTES:
            body, sent = _bodies(rows, form)
        else:
            body, sent = await asyncio.to_thread(_bodies, rows, form)
        headers = {
            **form.headers,
            "Content-Type": _CONTENT_TYPES[form.body],
            "Idempotency-Key": key,
            "X-Ironstream-Sink": _header_text(self._context.id),
            "X-Ironstream-Deployment": _header_text(self._context.deployment),
        }
        if form.gzip:
            headers["Content-Encoding"] = "gzip"
        if form.body == "single":
            headers["X-Ironstream-Id"] = _header_text(rows[0].id)
        if form.keys:
            headers[signing.HEADER] = signing.signature(form.keys, int(self._clock()), body)
        answer = await self._post(sent, headers)
        verdict = judge(answer, self._target.origin, self._clock(), self._client.shown)
        unknown = verdict.named.keys() - {row.id for row in rows}
        if unknown:
            raise AnsweredError(
                f"{self._target.origin} refused {len(unknown)} records of {topic} that were not sent to it, "
                f"as {self._client.shown(min(unknown))!r}",
                "`id` of a refused record must be the `id` that it was sent with",
            )
        return verdict

    async def _post(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self._tokens is None:
            token = self._form.token
            return await self._client.post(self._target, body, _with_token(headers, token))
        token = await self._tokens.token()
        answer = await self._client.post(self._target, body, _with_token(headers, token))
        if answer.status != 401:
            return answer
        # it may have been withdrawn before its time
        self._tokens.refused(token)
        return await self._client.post(self._target, body, _with_token(headers, await self._tokens.token()))


def _bodies(rows: Sequence[Message], form: Form) -> tuple[bytes, bytes]:
    """The body as it is signed, and as it is sent."""
    texts = [row.text for row in rows]
    if form.body == "json":
        body = b'{"records":[' + b",".join(texts) + b"]}"
    elif form.body == "ndjson":
        body = b"\n".join(texts) + b"\n"
    else:
        (body,) = texts
    return body, gzip.compress(body, 5, mtime=0) if form.gzip else body


def _with_token(headers: dict[str, str], token: str | None) -> dict[str, str]:
    return headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


def _header_text(name: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in name)
