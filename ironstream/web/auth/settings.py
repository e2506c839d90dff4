"""Settings of the web view's login, from the environment (`IRONSTREAM_WEB_…`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ironstream.errors import ConfigurationError

ENV_PREFIX: Final = "IRONSTREAM_WEB_"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class AuthSettings(BaseSettings):
    """How people and programs log in, and how much they may ask."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    tokens: Path | None = Field(
        None, description="File of tokens, by their hashes; unset: web-tokens.yaml in the data folder, if it is there."
    )
    secret: SecretStr | None = Field(
        None, description="What signs sessions, 32 characters or more; unset: one in the data folder, made once."
    )
    session_hours: float = Field(12, gt=0, le=24 * 31, description="Hours until one has to log in again.")
    url: str | None = Field(None, description="Address that people use, as https://plant.example; unset: as asked.")
    requests_per_s: float = Field(50, gt=0, le=100_000, description="Requests a second of one principal or address.")
    failed_login_pause_s: float = Field(0.5, ge=0, le=10, description="Seconds that the answer to a wrong token takes.")
    oidc_issuer: str | None = Field(None, description="Issuer of an OpenID Connect provider; unset: none.")
    oidc_client_id: str | None = Field(None, description="What the provider knows the web view as.")
    oidc_client_secret: SecretStr | None = Field(None, description="Secret of that client, where it has one.")
    oidc_scopes: str = Field("openid profile", description="What the provider is asked for.")
    oidc_roles_claim: str = Field(
        "roles", min_length=1, description="Claim of the ID token with the roles; a.b is b within a."
    )
    oidc_tenants_claim: str = Field(
        "tenants", description="Claim with the tenants, `*` for all; empty: whoever has a role sees all tenants."
    )

    @field_validator("secret")
    @classmethod
    def _secret_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("has fewer than 32 characters")
        return value

    @field_validator("url")
    @classmethod
    def _url_is_one(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is no address of a site, as https://plant.example")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_is_safe(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        # whoever can change what the provider says decides who gets in
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("is no https:// address")
        return value

    @model_validator(mode="after")
    def _provider_is_complete(self) -> AuthSettings:
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("oidc_issuer and oidc_client_id go together")
        return self


def load_auth_settings() -> AuthSettings:
    """Settings from the environment. Raises ConfigurationError that names every one at fault, never its value."""
    try:
        return AuthSettings()
    except ValidationError as err:
        faults = []
        for fault in err.errors(include_url=False, include_input=False):
            name = f"{ENV_PREFIX}{fault['loc'][0]}".upper() if fault["loc"] else f"{ENV_PREFIX}…"
            faults.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}")
        # not `from err`: it holds the values, secrets among them
        raise ConfigurationError(
            "The settings of the web view cannot be used:\n  " + "\n  ".join(faults),
            "Mend or unset these environment variables.",
        ) from None
