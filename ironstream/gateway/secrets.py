"""`${secret:name}` in a configuration: looked up when an adapter starts, never printed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import aiohttp

from ironstream.errors import ConfigurationError

_REFERENCE = re.compile(r"\$\{secret:([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_VAULT_TIMEOUT_S = 10


class Places(Protocol):
    """Where secrets are looked for, beside the environment."""

    @property
    def secrets_dir(self) -> Path | None:
        """Folder with a file for each."""

    @property
    def vault_url(self) -> str | None:
        """Address of a Vault, which is asked last."""

    @property
    def vault_token(self) -> str | None:
        """What lets us into it."""

    @property
    def vault_mount(self) -> str:
        """Where its KV version 2 is mounted."""


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """The places that the environment names."""

    secrets_dir: Path | None = None
    vault_url: str | None = None
    vault_token: str | None = field(default=None, repr=False)
    vault_mount: str = "secret"

    @classmethod
    def from_environment(cls) -> Self:
        """IRONSTREAM_SECRETS_DIR, VAULT_ADDR and VAULT_TOKEN."""
        directory = os.environ.get("IRONSTREAM_SECRETS_DIR")
        return cls(
            secrets_dir=Path(directory) if directory else None,
            vault_url=os.environ.get("VAULT_ADDR"),
            vault_token=os.environ.get("VAULT_TOKEN"),
        )


class Redactor:
    """Takes the values of secrets out of text that is shown or logged."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # the longest first: one secret may be a part of another
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` with every secret replaced by `***`."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def references(config: object) -> set[str]:
    """Names of all secrets that a configuration refers to."""
    match config:
        case str():
            return set(_REFERENCE.findall(config))
        case Mapping():
            return set().union(*(references(value) for value in config.values()))
        case list() | tuple():
            return set().union(*(references(value) for value in config))
    return set()


async def resolve(config: Mapping[str, Any], places: Places) -> tuple[dict[str, Any], Redactor]:
    """The configuration with every secret in its place, and the redactor that hides them again.

    A secret comes from the environment (IRONSTREAM_SECRET_<NAME>, other characters than letters and digits as `_`),
    else from a file of that name in `secrets_dir`, else from Vault (field `value` of the secret of that path). Raises
    ConfigurationError naming all that were not found.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    for name in sorted(references(config)):
        value = await _lookup(name, places) if _NAME.fullmatch(name) else None
        if value is None:
            missing.append(name)
        else:
            values[name] = value
    if missing:
        raise ConfigurationError(
            "\n".join(f"secret {name!r} is not to be found" for name in missing),
            f"set {variable_of(missing[0])}, or put a file of that name into the secrets directory, or into Vault",
        )
    replaced = _replaced(config, values)
    return dict(replaced), Redactor(values.values())


def is_set(name: str, places: Places) -> bool:
    """Whether somebody has set a secret; a Vault that is there is believed to have it."""
    if variable_of(name) in os.environ or (places.vault_url and places.vault_token):
        return True
    return places.secrets_dir is not None and (places.secrets_dir / name).is_file()


def variable_of(name: str) -> str:
    """The environment's variable that holds a secret."""
    return "IRONSTREAM_SECRET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


async def _lookup(name: str, places: Places) -> str | None:
    if (value := os.environ.get(variable_of(name))) is not None:
        return value
    if places.secrets_dir is not None and (path := places.secrets_dir / name).is_file():
        # editors and `echo` end a file with a newline that is not part of the secret
        return path.read_text("utf-8").rstrip("\n")
    if places.vault_url and places.vault_token:
        return await _from_vault(name, places.vault_url, places.vault_token, places.vault_mount)
    return None


async def _from_vault(name: str, url: str, token: str, mount: str) -> str | None:
    address = f"{url.rstrip('/')}/v1/{mount}/data/{name}"
    timeout = aiohttp.ClientTimeout(total=_VAULT_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(address, headers={"X-Vault-Token": token}) as response,
        ):
            if response.status == 404:
                return None
            response.raise_for_status()
            value = (await response.json())["data"]["data"].get("value")
            return None if value is None else str(value)
    except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
        # the error's own text may carry headers: only its kind is told
        raise ConfigurationError(
            f"secret {name!r} could not be read from Vault at {url}: {type(error).__name__}",
            "check the address, the token and its policy for this path",
        ) from None


def _replaced(config: Any, values: Mapping[str, str]) -> Any:
    match config:
        case str():
            return _REFERENCE.sub(lambda match: values[match.group(1)], config)
        case Mapping():
            return {key: _replaced(value, values) for key, value in config.items()}
        case list() | tuple():
            return [_replaced(value, values) for value in config]
    return config
