"""Fields of the sinks that send messages, and what is made of them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ironstream.sinks.http.client import HttpClient
from ironstream.sinks.http.config import Headers, HttpConfig, Secret, SigningKey
from ironstream.sinks.http.delivery import BodyFormat, Delivery, Form
from ironstream.sinks.http.oauth import OAuthConfig, OAuthTokens
from ironstream.sinks.http.sink import MessageSink
from ironstream.sinks.http.urls import place_of, target_of
from ironstream.sinks.sink import Limits, SinkContext

_SHORTEST_HIDDEN = 6
"""A header's value shorter than this is no secret, and would blot out half of every error."""


class MessageConfig(HttpConfig):
    """Where messages go, and how they show who sent them."""

    url: str = Field(repr=False, description="Address that is POSTed to. May hold a secret; only its host is shown.")
    gzip: bool = Field(default=True, description="Compress what is sent (Content-Encoding: gzip).")
    max_body_bytes: int = Field(
        default=4 << 20, ge=1024, le=1 << 28, description="Bytes of one request at most, before its compression."
    )
    headers: Headers = Field(
        default_factory=dict, description="More headers for every request; their values are never shown."
    )
    signing_keys: tuple[SigningKey, ...] = Field(
        default=(),
        strict=False,
        max_length=4,
        description="Keys (16 bytes or more) to sign requests with. Two while one replaces the other; none: unsigned.",
    )
    token: Secret | None = Field(default=None, description="Bearer token of every request, as `${secret:name}`.")
    oauth: OAuthConfig | None = Field(
        default=None, description="OAuth 2.0 client credentials to get tokens with, instead of `token`."
    )

    def url_fields(self) -> dict[str, str]:
        """URLs by the names of their fields."""
        return {"url": self.url} | ({} if self.oauth is None else {"oauth.token_url": self.oauth.token_url})

    @property
    def claims(self) -> tuple[str, ...]:
        """Two sinks must not send to one address: it would get what both send twice."""
        return (place_of(self.url),)

    @model_validator(mode="after")
    def _one_way_to_show_who(self) -> Self:
        given = [name for name in ("token", "oauth") if getattr(self, name) is not None]
        given += ["headers.Authorization" for name in self.headers if name.lower() == "authorization"]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: a request has one Authorization")
        return self


def message_sink(
    config: MessageConfig, context: SinkContext, body: BodyFormat, max_records: int, limits: Limits
) -> MessageSink:
    """The sink of a configuration. Raises ConfigurationError."""
    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    keys = [key.get_secret_value() for key in config.signing_keys]
    token = None if config.token is None else config.token.get_secret_value()
    secrets = [value for value in headers.values() if len(value) >= _SHORTEST_HIDDEN]
    target = target_of(config.url, config.rules)
    hidden = [config.url, target.url.raw_path_qs] if len(target.url.raw_path_qs) >= _SHORTEST_HIDDEN else []
    client = HttpClient(config, [*secrets, *keys, *hidden, *([token] if token else [])])
    tokens = None
    if config.oauth is not None:
        where = target_of(config.oauth.token_url, config.rules, "oauth.token_url")
        tokens = OAuthTokens(config.oauth, where, client)
    form = Form(
        body, config.gzip, max_records, config.max_body_bytes, tuple(key.encode() for key in keys), headers, token
    )
    delivery = Delivery(client, target, form, context, tokens)
    return MessageSink(client, target, delivery, limits, context.schemas, tokens)
