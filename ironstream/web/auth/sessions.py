"""Sessions: who has logged in, in a signed cookie; nothing of them is kept here but those that were ended early."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer

from ironstream.errors import ConfigurationError
from ironstream.web.auth.principal import Principal, Role

FILE_NAME: Final = "web-secret"
_SALT: Final = "ironstream.web"


class Session(msgspec.Struct, frozen=True):
    """Who it is, until when (s since the epoch). `token` is the id of the token that they logged in with, if any."""

    id: str
    name: str
    roles: list[Role]
    tenants: list[str] | None
    via: str
    expires: int
    token: str | None = None

    @property
    def expires_at(self) -> datetime:
        """When it is over."""
        return datetime.fromtimestamp(self.expires, UTC)

    @property
    def principal(self) -> Principal:
        """Who it is."""
        return Principal(
            self.name, frozenset(self.roles), None if self.tenants is None else frozenset(self.tenants), self.via
        )


def new_session(principal: Principal, expires: float, token: str | None = None) -> Session:
    """A session of a principal until `expires`."""
    tenants = None if principal.tenants is None else sorted(principal.tenants)
    roles = sorted(principal.roles)
    return Session(secrets.token_urlsafe(16), principal.name, roles, tenants, principal.via, int(expires), token)


class Sealed:
    """Signs small things for cookies, each `use` apart from the others, and opens what was signed."""

    def __init__(self, secret: str, use: str) -> None:
        self._serializer = URLSafeSerializer(
            secret,
            salt=f"{_SALT}.{use}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def seal(self, thing: Any) -> str:
        """A text for a cookie. What it holds can be read by whoever has it, and not changed."""
        return str(self._serializer.dumps(msgspec.to_builtins(thing)))

    def open(self, text: str) -> Any:
        """What was sealed; None for anything else."""
        try:
            return self._serializer.loads(text)
        except (BadSignature, UnicodeError):
            return None


class Sessions:
    """Makes the cookies of sessions and opens them, until they are over or were ended."""

    def __init__(self, secret: str) -> None:
        self._sealed = Sealed(secret, "session")
        self._ended: dict[str, int] = {}

    def cookie(self, session: Session) -> str:
        """Value of the cookie."""
        return self._sealed.seal(session)

    def open(self, cookie: str) -> Session | None:
        """The session of a cookie; None for a forged or damaged one, and once it is over."""
        found = self._sealed.open(cookie)
        try:
            session = msgspec.convert(found, Session)
        except msgspec.ValidationError:
            return None
        return None if session.expires <= time.time() or session.id in self._ended else session

    def end(self, session: Session) -> None:
        """Have it be over from now on, wherever its cookie is."""
        now = time.time()
        self._ended = {one: expires for one, expires in self._ended.items() if expires > now}
        self._ended[session.id] = session.expires


def secret_in(folder: Path) -> str:
    """The secret of this deployment's folder, made when first asked for. Raises ConfigurationError."""
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # written aside and linked: of two that start at once one makes it, and the other never sees half of it
        beside = folder / f".{FILE_NAME}.{os.getpid()}"
        if not path.exists():
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(beside, path)
            except FileExistsError:
                pass
            finally:
                beside.unlink()
        found = path.read_text().strip()
    except OSError as err:
        raise ConfigurationError(
            f"What signs sessions cannot be kept in {path}: {err.strerror}.",
            "Set IRONSTREAM_WEB_SECRET, or name another folder: --data-dir DIR.",
        ) from err
    if len(found) < 32:
        raise ConfigurationError(f"{path} is damaged.", "Remove it: a new one is made, and everybody logs in again.")
    return found
