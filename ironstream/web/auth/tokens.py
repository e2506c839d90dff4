"""Tokens: long random texts of which only the hash is kept, in a file that may be changed while the view runs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog

from ironstream.contract import IDENTITY_PART
from ironstream.errors import ConfigurationError
from ironstream.web.auth.principal import Principal, Role

PREFIX: Final = "ist_"
FILE_NAME: Final = "web-tokens.yaml"
_LOG = structlog.get_logger(__name__)
_ID_LENGTH: Final = 16

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Tenant = Annotated[str, msgspec.Meta(pattern=rf"^{IDENTITY_PART.pattern}\Z")]


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A token as the file has it. `tenants` left out: all of them; `expires` left out: never."""

    name: Name
    sha256: Hash
    roles: Annotated[list[Role], msgspec.Meta(min_length=1)]
    tenants: Annotated[list[Tenant], msgspec.Meta(min_length=1)] | None = None
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    created: str = ""

    @property
    def id(self) -> str:
        """Names the token, and tells nothing of it."""
        return self.sha256[:_ID_LENGTH]

    @property
    def principal(self) -> Principal:
        """Whoever shows it."""
        tenants = None if self.tenants is None else frozenset(self.tenants)
        return Principal(self.name, frozenset(self.roles), tenants, f"token {self.id}")


def make_token(
    name: str, roles: Sequence[Role], tenants: Sequence[str] | None, expires: datetime | None
) -> tuple[str, TokenEntry]:
    """A new token, to be shown once, and what is kept of it. Raises ConfigurationError for what the file cannot hold.

    Its 256 random bits are why a plain hash is enough: there is nothing to guess.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    entry = TokenEntry(
        name=name, sha256=hash_of(token), roles=list(roles), tenants=None if tenants is None else list(tenants),
        expires=expires, created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    try:
        return token, msgspec.convert(msgspec.to_builtins(entry), TokenEntry)
    except msgspec.ValidationError as err:
        raise ConfigurationError(
            f"No such token can be made: {err}", "A tenant is named as in the topology; a name has 1 to 100 characters."
        ) from err


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: Path) -> list[TokenEntry]:
    """The tokens of a file. Raises ConfigurationError for one that is not there or holds something else."""
    try:
        # by way of plain data: a time may be quoted, or not
        return msgspec.convert(msgspec.yaml.decode(path.read_bytes()) or [], list[TokenEntry])
    except OSError as err:
        raise ConfigurationError(
            f"The tokens in {path} cannot be read: {err.strerror}.", "`ironstream web token` makes the file."
        ) from err
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise ConfigurationError(
            f"{path} is no file of tokens: {err}",
            "A list of name, sha256 and roles, as `ironstream web token` writes it.",
        ) from err


class Tokens:
    """The tokens of a file as it is now; one that is damaged while this runs is passed over, with a line in the log."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError for a file that cannot be used; one that is not there yet has no tokens."""
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._by_hash: Mapping[str, TokenEntry] = {}
        self._by_id: Mapping[str, TokenEntry] = {}
        if (stamp := _stamp_of(path)) is not None:
            self._take(read_tokens(path), stamp)

    def find(self, token: str, now: datetime) -> TokenEntry | None:
        """What is kept of this token, while it holds."""
        self._look()
        return _while_it_holds(self._by_hash.get(hash_of(token)), now)

    def by_id(self, token_id: str, now: datetime) -> TokenEntry | None:
        """A token by its id, while it holds."""
        self._look()
        return _while_it_holds(self._by_id.get(token_id), now)

    def entries(self) -> list[TokenEntry]:
        """All of them, also those that no longer hold, in the order of the file."""
        self._look()
        return list(self._by_hash.values())

    def __len__(self) -> int:
        self._look()
        return len(self._by_hash)

    def _look(self) -> None:
        if (stamp := _stamp_of(self.path)) == self._stamp:
            return
        if stamp is None:
            self._take([], None)
            return
        try:
            self._take(read_tokens(self.path), stamp)
        except ConfigurationError as error:
            # told once for each time that it was changed
            self._stamp = stamp
            _LOG.error("tokens_not_read", file=str(self.path), error=error.message, kept=len(self._by_hash))

    def _take(self, entries: list[TokenEntry], stamp: tuple[int, int, int] | None) -> None:
        self._by_hash = {entry.sha256: entry for entry in entries}
        self._by_id = {entry.id: entry for entry in entries}
        self._stamp = stamp


def _while_it_holds(entry: TokenEntry | None, now: datetime) -> TokenEntry | None:
    return None if entry is None or (entry.expires is not None and entry.expires <= now) else entry


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
