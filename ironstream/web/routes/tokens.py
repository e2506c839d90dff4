"""Tokens: who has one, a new one, and one taken back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ironstream.errors import ConfigurationError
from ironstream.web.auth import Role
from ironstream.web.auth.entry import entry_of
from ironstream.web.auth.token_file import add_token, remove_token
from ironstream.web.auth.tokens import TokenEntry, Tokens, make_token
from ironstream.web.problems import COMMON, ApiError, not_found, problems
from ironstream.web.routes.deps import PART, Admin

router = APIRouter(tags=["tokens"], responses=COMMON)
Tenant = Annotated[str, Field(pattern=PART)]


class TokenItem(BaseModel):
    """A token; never what it is, nor its hash. `tenants` null: all. `holds` false: its time is over."""

    id: str = Field(description="Names it on the audit trail, as `token ID`.")
    name: str
    roles: list[Role]
    tenants: list[str] | None
    expires: datetime | None
    created: str | None
    holds: bool


class TokenList(BaseModel):
    """All tokens of this view."""

    items: list[TokenItem]
    next: str | None = None


class TokenRequest(BaseModel):
    """A token to make. `tenants` left out: all; `expires` left out: never."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "panel-3", "roles": ["operator"], "tenants": ["acme"], "expires": "2031-01-31T00:00:00Z"}
            ]
        },
    )

    name: str = Field(min_length=1, max_length=100, description="Who has it, for the audit trail.")
    roles: list[Role] = Field(min_length=1, max_length=len(Role))
    tenants: list[Tenant] | None = Field(None, min_length=1, max_length=1000)
    expires: AwareDatetime | None = None


class NewToken(TokenItem):
    """A token that was made: this answer is the only one that has it."""

    token: str = Field(examples=["ist_…"])


@router.get("/tokens", operation_id="listTokens")
async def tokens(request: Request, who: Admin) -> TokenList:
    """Who has a token, with what rights."""
    now = datetime.now(UTC)
    return TokenList(items=[TokenItem.model_validate(_shown(one, now)) for one in _tokens(request).entries()])


@router.post("/tokens", operation_id="makeToken", responses=problems(409, 413))
async def make(request: Request, who: Admin, asked: TokenRequest) -> NewToken:
    """Make a token; the answer shows it, once. The first one turns the login on."""
    now = datetime.now(UTC)
    if asked.expires is not None and asked.expires <= now:
        raise ApiError(400, "It would be over before it began.", "Give a time to come in `expires`.")
    token, entry = make_token(asked.name, asked.roles, asked.tenants, asked.expires)
    try:
        await asyncio.to_thread(add_token, _tokens(request).path, entry)
    except ConfigurationError as error:
        raise ApiError(409, error.message, error.hint) from error
    request.state.audit_detail = f"token {entry.id}"
    return NewToken.model_validate(_shown(entry, now) | {"token": token})


@router.delete("/tokens/{token_id}", operation_id="revokeToken", responses=problems(404, 409, 413))
async def revoke(request: Request, who: Admin, token_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> TokenItem:
    """Take a token back; sessions and streams that began with it end. The answer is what it was."""
    try:
        entry = await asyncio.to_thread(remove_token, _tokens(request).path, token_id)
    except ConfigurationError as error:
        raise ApiError(409, error.message, error.hint) from error
    if entry is None:
        raise not_found(f"token {token_id}", "GET /api/v1/tokens lists them.")
    request.state.audit_detail = f"token {entry.id} of {entry.name}"
    return TokenItem.model_validate(_shown(entry, datetime.now(UTC)) | {"holds": False})


def _tokens(request: Request) -> Tokens:
    return entry_of(request).login.tokens


def _shown(entry: TokenEntry, now: datetime) -> dict[str, object]:
    return {
        "id": entry.id, "name": entry.name, "roles": sorted(entry.roles), "tenants": entry.tenants,
        "expires": entry.expires, "created": entry.created or None,
        "holds": entry.expires is None or entry.expires > now,
    }  # fmt: skip
