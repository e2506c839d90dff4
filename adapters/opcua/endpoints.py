"""Which of the endpoints that a server offers is used, and how the user shows who he is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from asyncua import ua
from asyncua.crypto import security_policies

from adapters.opcua.config import OpcUaConfig, Security
from ironstream.gateway.adapter import DeviceSecurityError

POLICIES: Final[dict[Security, type[security_policies.SecurityPolicy]]] = {
    Security.AES256_SHA256_RSAPSS: security_policies.SecurityPolicyAes256Sha256RsaPss,
    Security.BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
    Security.AES128_SHA256_RSAOAEP: security_policies.SecurityPolicyAes128Sha256RsaOaep,
}
"""The policies that are held for secure, the strongest first."""
NONE_URI: Final = str(security_policies.SecurityPolicyNone.URI)
_URIS: Final = {str(policy.URI): name for name, policy in POLICIES.items()}
_RANK: Final = {str(policy.URI): -number for number, policy in enumerate(POLICIES.values())}
_ENCRYPT: Final = ua.MessageSecurityMode.SignAndEncrypt
_TOKENS: Final = {
    ua.UserTokenType.Anonymous: "anonymous",
    ua.UserTokenType.UserName: "user name and password",
    ua.UserTokenType.Certificate: "user certificate",
    ua.UserTokenType.IssuedToken: "issued token",
}


def choose(endpoints: Sequence[ua.EndpointDescription], config: OpcUaConfig) -> ua.EndpointDescription:
    """The endpoint that `config.security` asks for. Raises DeviceSecurityError naming what the server offers.

    There is no way from here to an endpoint without security but `security: none`.
    """
    usable = [endpoint for endpoint in endpoints if str(endpoint.EndpointUrl).startswith("opc.tcp")]
    if config.security is Security.NONE:
        found = [
            e for e in usable if e.SecurityPolicyUri == NONE_URI and e.SecurityMode == ua.MessageSecurityMode.None_
        ]
        wanted = "none"
    else:
        uris = set(_URIS) if config.security is Security.AUTO else {str(POLICIES[config.security].URI)}
        modes = {ua.MessageSecurityMode.Sign if config.security_mode == "sign" else _ENCRYPT}
        if config.security is Security.AUTO:
            modes |= {ua.MessageSecurityMode.Sign}
        found = [e for e in usable if e.SecurityPolicyUri in uris and e.SecurityMode in modes]
        wanted = f"{config.security} ({config.security_mode})"
    if not found:
        hint = "choose one of them with security and security_mode, or switch the wanted one on in the server"
        if config.security is not Security.NONE and all(e.SecurityPolicyUri == NONE_URI for e in usable):
            hint = "switch a policy on in the server; or, where everybody on the network may be trusted, security: none"
        raise DeviceSecurityError(
            f"{config.where} does not offer security {wanted}; it offers {_offered(usable)}", hint
        )
    return max(found, key=lambda e: (e.SecurityMode == _ENCRYPT, _RANK.get(str(e.SecurityPolicyUri), 0)))


def user_token(endpoint: ua.EndpointDescription, config: OpcUaConfig) -> ua.UserTokenPolicy:
    """How the user is shown at the endpoint. Raises DeviceSecurityError naming the ways that the server takes.

    A password goes only where it is encrypted: by its own policy, or by the channel.
    """
    kind = ua.UserTokenType.Anonymous
    if config.username is not None:
        kind = ua.UserTokenType.UserName
    elif config.user_certificate is not None:
        kind = ua.UserTokenType.Certificate
    tokens: list[ua.UserTokenPolicy] = [token for token in endpoint.UserIdentityTokens or () if token.TokenType == kind]
    if not tokens:
        offered = sorted({_TOKENS.get(token.TokenType, "another") for token in endpoint.UserIdentityTokens or ()})
        raise DeviceSecurityError(
            f"{config.where} does not take {_TOKENS[kind]} here; it takes {', '.join(offered) or 'nobody'}",
            "give username and password, or user_certificate and user_key, or neither",
        )
    if kind is ua.UserTokenType.Anonymous:
        return tokens[0]
    secure = [token for token in tokens if token_policy(token, endpoint) in _URIS]
    if secure:
        return max(secure, key=lambda token: _RANK[token_policy(token, endpoint)])
    plain = [token for token in tokens if token_policy(token, endpoint) == NONE_URI]
    if kind is ua.UserTokenType.UserName and plain:
        if endpoint.SecurityMode == _ENCRYPT or config.allow_plain_password:
            return plain[0]
        raise DeviceSecurityError(
            f"{config.where} would take the password unencrypted",
            "use security auto or a policy with sign_and_encrypt (allow_plain_password is for tests only)",
        )
    raise DeviceSecurityError(
        f"{config.where} takes {_TOKENS[kind]} only with a policy that is not secure", "switch a newer policy on there"
    )


def token_policy(token: ua.UserTokenPolicy, endpoint: ua.EndpointDescription) -> str:
    """URI of the policy that guards a user token: its own, else that of the endpoint."""
    return str(token.SecurityPolicyUri or endpoint.SecurityPolicyUri or NONE_URI)


def signature(endpoints: Iterable[ua.EndpointDescription]) -> set[tuple[str, int]]:
    """What tells a list of endpoints from one that somebody in between made weaker."""
    return {
        (str(e.SecurityPolicyUri), int(e.SecurityMode))
        for e in endpoints
        if str(e.EndpointUrl).startswith("opc.tcp")  # a session tells only those of its own transport
    }


def _offered(endpoints: Iterable[ua.EndpointDescription]) -> str:
    names = {f"{str(e.SecurityPolicyUri).rpartition('#')[2]} ({e.SecurityMode.name.rstrip('_')})" for e in endpoints}
    return ", ".join(sorted(names)) or "nothing"
