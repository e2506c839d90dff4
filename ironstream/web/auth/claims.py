"""From what a provider says of somebody to who they are here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from ironstream.errors import IronstreamError
from ironstream.web.auth.principal import Principal, Role
from ironstream.web.auth.settings import AuthSettings

ALL_TENANTS: Final = "*"
_NAMES: Final = ("preferred_username", "email", "name", "sub")
_LONGEST_NAME: Final = 100


class ClaimsError(IronstreamError):
    """The provider knows them, and says nothing by which they could be let in: no role, or no tenant."""

    def __init__(self, message: str, hint: str, code: Literal["no-role", "no-tenant"]) -> None:
        super().__init__(message, hint)
        self.code = code


def principal_of(claims: Mapping[str, Any], settings: AuthSettings) -> Principal:
    """Who they are. Raises ClaimsError where no claim gives them a role, or none a tenant."""
    names = (claims[one] for one in _NAMES if isinstance(claims.get(one), str) and claims[one])
    name = next(names, "")[:_LONGEST_NAME]
    known = {role.value: role for role in Role}
    roles = frozenset(known[one] for one in _texts(_at(claims, settings.oidc_roles_claim)) if one in known)
    if not roles:
        raise ClaimsError(
            f"{name or 'Whoever logged in'} has no role here.",
            f"The provider's claim `{settings.oidc_roles_claim}` must have one of {', '.join(known)}.",
            "no-role",
        )
    # names may change, and may be given to another: the subject is who it is
    subject = claims.get("sub")
    via = f"oidc {subject[:_LONGEST_NAME]}" if isinstance(subject, str) and subject else "oidc"
    return Principal(name or "unnamed", roles, _tenants(claims, settings), via)


def _tenants(claims: Mapping[str, Any], settings: AuthSettings) -> frozenset[str] | None:
    if not settings.oidc_tenants_claim:
        return None
    tenants = frozenset(_texts(_at(claims, settings.oidc_tenants_claim)))
    if not tenants:
        raise ClaimsError(
            "The provider names no tenant that they may see.",
            f"Its claim `{settings.oidc_tenants_claim}` must list tenants, or be {ALL_TENANTS} for all of them;"
            " with IRONSTREAM_WEB_OIDC_TENANTS_CLAIM empty everybody sees all.",
            "no-tenant",
        )
    return None if ALL_TENANTS in tenants else tenants


def _at(claims: Any, path: str) -> Any:
    # a claim may be named by an address, which has dots too
    if isinstance(claims, Mapping) and path in claims:
        return claims[path]
    for name in path.split("."):
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return claims


def _texts(value: Any) -> list[str]:
    """The texts of a claim: a list of them, or one with words."""
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
