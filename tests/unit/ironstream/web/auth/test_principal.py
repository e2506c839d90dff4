"""Who may do what."""

from __future__ import annotations

import pytest

from ironstream.web.auth.claims import ClaimsError, principal_of
from ironstream.web.auth.principal import Principal, Role
from ironstream.web.auth.settings import AuthSettings

SETTINGS = AuthSettings(oidc_roles_claim="realm.roles")


@pytest.mark.parametrize(
    ("roles", "sees", "acts", "engineers", "rules"),
    [
        ({Role.OPERATOR}, True, True, False, False),
        ({Role.ENGINEER}, True, True, True, False),
        ({Role.ADMIN}, True, True, True, True),
        ({Role.COPILOT}, True, False, False, False),
        ({Role.COPILOT, Role.ENGINEER}, True, True, True, False),
        (set(), False, False, False, False),
    ],
)
def test_a_role_allows_what_those_below_it_do(
    roles: set[Role], sees: bool, acts: bool, engineers: bool, rules: bool
) -> None:
    who = Principal("x", frozenset(roles))

    assert who.may(Role.OPERATOR, change=False) is sees
    assert who.may(Role.OPERATOR, change=True) is acts
    assert who.may(Role.ENGINEER, change=True) is engineers
    assert who.may(Role.ADMIN, change=False) is rules


def test_a_provider_names_roles_and_tenants() -> None:
    claims = {"preferred_username": "ana", "realm": {"roles": ["operator", "unknown"]}, "tenants": ["acme", "beta"]}

    who = principal_of(claims, SETTINGS)

    assert (who.name, who.roles, who.tenants) == ("ana", frozenset({Role.OPERATOR}), frozenset({"acme", "beta"}))


def test_a_star_is_all_tenants_and_none_is_nobody() -> None:
    claims = {"sub": "7", "realm": {"roles": "engineer"}}

    assert principal_of(claims | {"tenants": "*"}, SETTINGS).sees_all
    assert principal_of(claims, SETTINGS.model_copy(update={"oidc_tenants_claim": ""})).sees_all
    with pytest.raises(ClaimsError, match="no tenant"):
        principal_of(claims, SETTINGS)


@pytest.mark.parametrize("roles", [None, [], ["root"], "Operator", {"operator": True}, 7])
def test_who_has_no_role_is_not_let_in(roles: object) -> None:
    with pytest.raises(ClaimsError, match="no role"):
        principal_of({"sub": "7", "realm": {"roles": roles}, "tenants": "*"}, SETTINGS)
