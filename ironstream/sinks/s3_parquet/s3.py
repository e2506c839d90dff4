"""A bucket as the store: AWS, MinIO, or any other S3.

The client runs in a loop of its own: it hashes a body for the signature before it sends it, which for a large file
takes longer than the process's own loop may stand still. It does not retry: whoever feeds the sink does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from pydantic import SecretStr

from ironstream.errors import ConfigurationError
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.local import MARKER, MARKER_TEXT
from ironstream.sinks.s3_parquet.loop_thread import LoopThread
from ironstream.sinks.s3_parquet.object_lease import ObjectLease
from ironstream.sinks.s3_parquet.s3_errors import code_of, status_of, told
from ironstream.sinks.s3_parquet.store import Entry, GoneError, Lease

T = TypeVar("T")
PAGE = 1000
"""Keys of one answer of a listing."""
_CONNECTIONS: Final = 32
_CONFLICTS: Final = ("PreconditionFailed", "ConditionalRequestConflict")
_ABSENT: Final = ("NoSuchKey", "404", "NotFound")


class S3Store:
    """Objects below a prefix of a bucket."""

    def __init__(self, config: S3ParquetConfig) -> None:
        self._config = config
        self._thread = LoopThread("s3")
        self._open = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def connect(self) -> None:
        """See Store. Puts the marker, twice if need be, to see that a put can be made to spare what is there.

        The client stays: cuts of other topics may be under way, and it makes new connections by itself.
        """
        await self._do("", self._list_first())
        made = await self.create(MARKER, MARKER_TEXT)
        # it was just made: now it must be in the way
        if made and self._config.conditional_put and await self.create(MARKER, MARKER_TEXT):
            raise ConfigurationError(
                f"{self._config.path}: the store takes no notice of If-None-Match, so a slow writer could replace "
                "what another has written",
                "take a store that does (AWS and current MinIO do), or set conditional_put: false and read what "
                "that costs",
            )

    async def entries(self, directory: str, prefix: str) -> Sequence[Entry]:
        """See Store."""
        return await self._do(directory, self._list_all(f"{directory}/{prefix}"))

    async def tail(self, path: str, nbytes: int) -> bytes:
        """See Store."""
        return await self._do(path, self._get(path, Range=f"bytes=-{nbytes}"))

    async def read(self, path: str) -> bytes:
        """See Store."""
        return await self._do(path, self._get(path))

    async def create(self, path: str, body: bytes) -> bool:
        """See Store."""
        return await self._do(path, self._create(path, body))

    async def replace(self, path: str, body: bytes) -> None:
        """See Store."""
        await self._do(path, self._put(path, body))

    async def delete(self, path: str) -> None:
        """See Store."""
        await self._do(path, self._delete(path))

    async def walk(self) -> AsyncIterator[tuple[str, Sequence[Entry]]]:
        """See Store. Keys come in order, so those of a directory stand together."""
        prefix, token = self._key(""), None
        directory, entries = "", list[Entry]()
        while True:
            page = await self._do("", self._page(prefix, token))
            for one in page.get("Contents", ()):
                parent, _, name = one["Key"][len(prefix) :].rpartition("/")
                if parent != directory:
                    if entries:
                        yield directory, entries
                    directory, entries = parent, []
                entries.append(Entry(name, one["Size"]))
            if (token := page.get("NextContinuationToken")) is None:
                break
        if entries:
            yield directory, entries

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """An object that its holder renews."""
        lease = ObjectLease(self, f"_{name}.lock")
        await lease.take()
        try:
            yield lease
        finally:
            await lease.let_go()

    async def close(self) -> None:
        """Close the connections and end the thread."""
        if self._client is not None:
            self._client = None
            await self._thread.run(self._open.aclose())
        await self._thread.stop()

    async def head(self, path: str) -> Any:
        """What the store says of an object. Raises GoneError."""
        return await self._do(path, self._head(path))

    async def put(self, path: str, body: bytes, **conditions: str) -> str | None:
        """Put an object: its ETag, None where the conditions do not hold."""
        return await self._do(path, self._put_if(path, body, conditions))

    def _key(self, path: str) -> str:
        return f"{self._config.prefix}/{path}" if self._config.prefix else path

    async def _do(self, path: str, work: Coroutine[Any, Any, T]) -> T:
        async def told_work() -> T:
            with told(f"s3://{self._config.bucket}/{self._key(path)}", self._redact):
                return await work

        return await self._thread.run(told_work())

    def _redact(self, text: str) -> str:
        config = self._config
        for secret in (config.access_key_id, config.secret_access_key, config.session_token):
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "********")
        return text

    # below: in the client's own loop

    async def _s3(self) -> Any:
        async with self._opening:
            if self._client is None:
                config = self._config
                style = config.addressing
                if style == "auto":
                    style = "path" if config.endpoint_url else "virtual"
                options = AioConfig(
                    connect_timeout=config.connect_timeout_s,
                    read_timeout=config.read_timeout_s,
                    max_pool_connections=_CONNECTIONS,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    s3={"addressing_style": style},
                    # the trailing checksums of newer clients are unknown to many stores
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                )
                self._client = await self._open.enter_async_context(
                    get_session().create_client(
                        "s3",
                        config=options,
                        endpoint_url=config.endpoint_url,
                        region_name=config.region or ("us-east-1" if config.endpoint_url else None),
                        aws_access_key_id=_plain(config.access_key_id),
                        aws_secret_access_key=_plain(config.secret_access_key),
                        aws_session_token=_plain(config.session_token),
                        verify=config.ca_file,
                    )
                )
            return self._client

    async def _page(self, prefix: str, token: str | None, most: int | None = None) -> Any:
        more = {} if token is None else {"ContinuationToken": token}
        return await (await self._s3()).list_objects_v2(
            Bucket=self._config.bucket, Prefix=prefix, MaxKeys=most or PAGE, **more
        )

    async def _list_first(self) -> None:
        await self._page(self._key(""), None, 1)

    async def _list_all(self, prefix: str) -> Sequence[Entry]:
        entries, token = list[Entry](), None
        while True:
            page = await self._page(self._key(prefix), token)
            entries += [Entry(one["Key"].rpartition("/")[2], one["Size"]) for one in page.get("Contents", ())]
            if (token := page.get("NextContinuationToken")) is None:
                return entries

    async def _get(self, path: str, **more: str) -> bytes:
        try:
            answer = await (await self._s3()).get_object(Bucket=self._config.bucket, Key=self._key(path), **more)
        except ClientError as err:
            if code_of(err) in _ABSENT:
                raise GoneError(f"{path} is gone") from err
            raise
        async with answer["Body"] as body:
            found: bytes = await body.read()
        return found

    async def _head(self, path: str) -> Any:
        try:
            return await (await self._s3()).head_object(Bucket=self._config.bucket, Key=self._key(path))
        except ClientError as err:
            if code_of(err) in _ABSENT:
                raise GoneError(f"{path} is gone") from err
            raise

    async def _put(self, path: str, body: bytes, **conditions: str) -> str:
        answer = await (await self._s3()).put_object(
            Bucket=self._config.bucket, Key=self._key(path), Body=body, **conditions
        )
        return str(answer["ETag"])

    async def _put_if(self, path: str, body: bytes, conditions: dict[str, str]) -> str | None:
        try:
            return await self._put(path, body, **conditions)
        except ClientError as err:
            # a conflict is another put of the same name under way: who was first is seen when it is tried again
            if code_of(err) in _CONFLICTS or status_of(err) == 412 or (code_of(err) in _ABSENT and conditions):
                return None
            raise

    async def _create(self, path: str, body: bytes) -> bool:
        if self._config.conditional_put:
            return await self._put_if(path, body, {"IfNoneMatch": "*"}) is not None
        try:
            await self._head(path)
        except GoneError:
            await self._put(path, body)
            return True
        return False

    async def _delete(self, path: str) -> None:
        await (await self._s3()).delete_object(Bucket=self._config.bucket, Key=self._key(path))


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
