"""One session to one target: bounded in time and size, verified, without redirects, cookies or proxies."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from ironstream.errors import ConfigurationError
from ironstream.gateway.secrets import Redactor
from ironstream.sinks.http.config import HttpConfig, file_of
from ironstream.sinks.http.guard import BlockedAddressError, Guard
from ironstream.sinks.http.urls import Target
from ironstream.sinks.sink import SinkUnavailableError

_CONNECTIONS: Final = 16
_DNS_S: Final = 10
_EXCERPT: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered. `whole`: `body` is all of it, and as the target meant it."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class HttpClient:
    """POSTs to targets by the rules of a configuration. Every error that it raises is free of its secrets."""

    def __init__(self, config: HttpConfig, secrets: Iterable[str] = (), resolver: AbstractResolver | None = None):
        self._config = config
        self._secrets = set(secrets)
        self._guard = Guard(config.rules, resolver)
        self._tls: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None

    def hide(self, secret: str) -> None:
        """Keep one more text out of errors."""
        self._secrets.add(secret)

    def unhide(self, secret: str) -> None:
        """This text is no secret any more."""
        self._secrets.discard(secret)

    def shown(self, text: str) -> str:
        """Foreign text as an error may hold it: a line of it at most, without secrets."""
        line = " ".join(Redactor(self._secrets)(text).split())
        return "".join(sign if sign.isprintable() else "?" for sign in line)[:_EXCERPT]

    async def open(self) -> None:
        """Make the session; once it is there, nothing. Raises ConfigurationError for certificates that are none."""
        if self._session is not None:
            return
        self._tls = await asyncio.to_thread(_context, self._config)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._guard,
                socket_factory=self._guard.make_socket,
                ssl=self._tls,
                limit=_CONNECTIONS,
                ttl_dns_cache=_DNS_S,
            ),
            timeout=aiohttp.ClientTimeout(total=self._config.timeout_s, connect=self._config.connect_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer could become a large one
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
        await self._guard.close()

    async def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer, whatever its status. Raises SinkUnavailableError where there is none."""
        assert self._session is not None, "open() comes first"
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            async with self._session.post(
                target.url, data=io.BytesIO(body), headers=sent, allow_redirects=False
            ) as response:
                content, whole = await self._read(response)
                return Answer(response.status, response.reason or "", response.headers, content, whole)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(target, error) from None  # its text may hold what was sent

    async def reach(self, target: Target) -> str:
        """Connect, without a request: what the connection is, as text. Raises SinkUnavailableError."""
        assert self._session is not None, "open() comes first"
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                return await self._connect(target)
        except (TimeoutError, OSError) as error:  # ssl.SSLError is an OSError
            raise self._unavailable(target, error) from None

    async def _connect(self, target: Target) -> str:
        found = await self._guard.resolve(target.host, target.port, 0)  # type: ignore[arg-type]  # 0: any family
        last: OSError = OSError("no address")
        for one in found:
            try:
                _, writer = await asyncio.open_connection(
                    one["host"],
                    target.port,
                    ssl=self._tls if target.tls else None,
                    server_hostname=target.host.rstrip(".") if target.tls else None,
                )
            except OSError as error:
                last = error
                continue
            wrapped = writer.get_extra_info("ssl_object")
            writer.transport.abort()
            return f"connected to {target.origin}" + (f" ({wrapped.version()})" if wrapped else "")
        raise last

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        limit = self._config.max_response_bytes
        content = bytearray()
        while len(content) <= limit and (piece := await response.content.read(limit + 1 - len(content))):
            content += piece
        plain = response.headers.get("Content-Encoding", "identity").strip().lower() in ("", "identity")
        return bytes(content[:limit]), plain and len(content) <= limit

    def _unavailable(self, target: Target, error: Exception) -> SinkUnavailableError:
        cause = getattr(error, "os_error", error)
        if isinstance(cause, BlockedAddressError):
            return SinkUnavailableError(f"{target.origin} is not reached: {self.shown(str(cause))}")
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            found = getattr(error, "certificate_error", error)
            return SinkUnavailableError(
                f"{target.origin} shows a certificate that is not trusted: {self.shown(str(found))}",
                "give the authority's certificate as ca_file, or mend that of the target",
            )
        if isinstance(error, TimeoutError):
            return SinkUnavailableError(
                f"{target.origin} did not answer in time",
                f"is it busy? timeout_s is {self._config.timeout_s:g}, "
                f"connect_timeout_s {self._config.connect_timeout_s:g}",
            )
        detail = getattr(cause, "strerror", None) or str(cause)
        return SinkUnavailableError(
            f"{target.origin} cannot be reached or broke off: {type(error).__name__}: {self.shown(str(detail))}",
            "check that it runs, its name and port, and what lies between",
        )


def _context(config: HttpConfig) -> ssl.SSLContext:
    ca_file = None if config.ca_file is None else file_of(config.ca_file, "ca_file")
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if config.client_certificate_file is not None and config.client_key_file is not None:
            context.load_cert_chain(
                file_of(config.client_certificate_file, "client_certificate_file"),
                file_of(config.client_key_file, "client_key_file"),
                password=_no_password,
            )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(
            f"the certificates cannot be used: {error}",
            "ca_file, client_certificate_file and client_key_file are PEM files; the key is without a password",
        ) from error
    return context


def _no_password() -> str:
    """Without it OpenSSL asks the terminal."""
    raise ValueError("client_key_file is encrypted")
