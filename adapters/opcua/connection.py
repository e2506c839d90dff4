"""A secure channel and a session with a server: opened, kept alive, closed. No retry; the gateway decides on that.

asyncua's `Client` is not used: it trusts every server until told otherwise, sends a password unencrypted where the
server likes it so, and repairs connections on its own. Its encoding, its cryptography and its transport are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlparse

from asyncua import ua
from asyncua.client.ua_client import UaClient
from asyncua.crypto import security_policies
from asyncua.ua.ua_binary import struct_from_binary
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.opcua import pki, trust
from adapters.opcua.config import OpcUaConfig, Security
from adapters.opcua.credentials import show_user
from adapters.opcua.endpoints import NONE_URI, POLICIES, choose, signature, token_policy, user_token
from adapters.opcua.errors import told
from adapters.opcua.node_ids import node_id
from ironstream.gateway.adapter import DeviceConnectionError, DeviceSecurityError

_CLOSE_S: Final = 1.0
_CHANNEL_LIFETIME_MS: Final = 3_600_000
_SESSION_TIMEOUT_MS: Final = 60_000.0
_NONCE_BYTES: Final = 32
_RENEW_AT: Final = 0.75
"""Part of a channel's life after which it is renewed (Part 4, 5.5.2)."""
_VALUE: Final = ua.AttributeIds.Value
_CRYPTO: Final[Any] = security_policies
"""asyncua leaves it without annotations."""

Response = TypeVar("Response")


class Connection:
    """One session with one server. Every method raises AdapterError; `close` nothing, and it is quick."""

    def __init__(self, config: OpcUaConfig) -> None:
        # asyncua logs whole requests and answers, passwords among them; our errors say what went wrong, once
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        self._config = config
        url = urlparse(config.endpoint)
        self._host = config.host or str(url.hostname)
        self._port = url.port or 4840
        self._client: UaClient | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._renew_after_s = 0.0
        self._asked_s = 0.0
        self.session_timeout_s = _SESSION_TIMEOUT_MS / 1000

    async def open(self) -> None:
        """Find an endpoint, check who is there, open the channel and the session."""
        await self.close()
        with told(self._config.where, "asking for its endpoints"):
            offered = await self._discover()
        endpoint = choose(offered, self._config)
        token = user_token(endpoint, self._config)
        identity = None
        if endpoint.SecurityPolicyUri != NONE_URI or self._is_encrypted(token, endpoint):
            await asyncio.to_thread(self._check_server, endpoint)
        if endpoint.SecurityPolicyUri != NONE_URI:
            identity = await asyncio.to_thread(pki.own_identity, self._config.pki_folder, self._config.application_uri)
        client = UaClient(self._config.timeout_s)
        client.set_security(_policy(endpoint, identity))
        try:
            await self._open_channel(client, identity)
            with told(self._config.where, "opening a session"):
                await self._open_session(client, endpoint, token, offered, identity)
        except BaseException:
            client.disconnect_socket()
            raise
        self._client = client
        self._renewal = asyncio.create_task(self._tend(client), name=f"renewal of {self._config.where}")

    async def ask(self, request: Any, response: type[Response], doing: str) -> Response:
        """Send a request and take the answer, whose status is good."""
        with told(self._config.where, doing):
            answer = struct_from_binary(response, await self._send(request, None))
            answer.ResponseHeader.ServiceResult.check()  # type: ignore[attr-defined]  # every response has one
            return answer

    async def ask_raw(self, request: Any, doing: str, timeout_s: float | None = None) -> bytes:
        """Send a request and take the bytes of the answer, which is not a ServiceFault. `timeout_s` 0: no limit."""
        with told(self._config.where, doing):
            return bytes(await self._send(request, timeout_s))

    async def close(self) -> None:
        """Close what is open; what does not answer within a second is left."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(ua.UaError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await client.session.close_session(True)
        with suppress(ua.UaError, OSError):
            await client.close_secure_channel()
        client.disconnect_socket()

    async def _send(self, request: Any, timeout_s: float | None) -> Any:
        if self._client is None or self._client.protocol is None:
            raise ConnectionError("the connection is closed")
        self._asked_s = time.monotonic()
        return await self._client.protocol.send_request(request, timeout_s)

    async def _discover(self) -> list[ua.EndpointDescription]:
        client = UaClient(self._config.timeout_s)
        try:
            await client.connect_socket(self._host, self._port)
            await client.send_hello(self._config.endpoint)
            await client.open_secure_channel(_channel(client.security_policy))
            parameters = ua.GetEndpointsParameters()
            parameters.EndpointUrl = self._config.endpoint
            endpoints = await client.get_endpoints(parameters)
            with suppress(ua.UaError, OSError):
                await client.close_secure_channel()
            return endpoints
        finally:
            client.disconnect_socket()

    def _is_encrypted(self, token: ua.UserTokenPolicy, endpoint: ua.EndpointDescription) -> bool:
        return token.TokenType != ua.UserTokenType.Anonymous and token_policy(token, endpoint) != NONE_URI

    def _check_server(self, endpoint: ua.EndpointDescription) -> None:
        config, folder = self._config, self._config.pki_folder
        host = (config.host or self._host) if config.check_hostname else None
        expected = trust.Expected(endpoint.Server.ApplicationUri, host, config.require_crl)
        try:
            chain = trust.split_chain(endpoint.ServerCertificate or b"")
            try:
                trust.check(chain, pki.load_trust(folder), expected, datetime.now(UTC))
            except trust.UntrustedError as error:
                try:
                    path = pki.reject(folder, chain[0])
                except OSError as failed:
                    raise DeviceSecurityError(
                        f"{config.where}: its certificate is not trusted ({error}), and {folder} cannot be written",
                        "give pki_folder a folder that this process may write",
                    ) from failed
                raise DeviceSecurityError(
                    f"{config.where}: its certificate {chain[0].subject.rfc4514_string()} is not trusted: {error}",
                    f"compare it with the server's own; if it is the same: mv {path} {folder / 'trusted'}/",
                ) from error
        except trust.CertificateError as error:
            raise DeviceSecurityError(
                f"{config.where}: its certificate must not be used: {error}", "have the server give itself a new one"
            ) from error

    async def _open_channel(self, client: UaClient, identity: pki.Identity | None) -> None:
        with told(self._config.where, "connecting"):
            await client.connect_socket(self._host, self._port)
            await client.send_hello(self._config.endpoint)
        try:
            with told(self._config.where, "opening a secure channel"):
                result = await client.open_secure_channel(_channel(client.security_policy))
        except DeviceConnectionError as error:
            if identity is None:
                raise
            # servers say nothing to those whom they do not trust
            raise DeviceSecurityError(
                f"{self._config.where} hung up when it saw our certificate",
                f"put {identity.path} into the server's list of trusted certificates",
            ) from error
        self._renew_after_s = _RENEW_AT * result.SecurityToken.RevisedLifetime / 1000

    async def _open_session(
        self,
        client: UaClient,
        endpoint: ua.EndpointDescription,
        token: ua.UserTokenPolicy,
        offered: list[ua.EndpointDescription],
        identity: pki.Identity | None,
    ) -> None:
        policy: Any = client.security_policy
        nonce = secrets.token_bytes(_NONCE_BYTES)
        # the server may send its whole chain; what is signed is its own certificate alone
        server = trust.split_chain(endpoint.ServerCertificate)[0] if endpoint.ServerCertificate else None
        created = await client.create_session(self._session_parameters(policy, nonce, identity))
        if identity is not None:
            policy.asymmetric_cryptography.verify(policy.host_certificate + nonce, created.ServerSignature.Signature)
            if trust.split_chain(created.ServerCertificate or b"")[0] != server:
                raise self._not_the_same("another certificate")
            if len(created.ServerNonce or b"") < _NONCE_BYTES:
                raise self._not_the_same("a nonce that is too short")
            if signature(created.ServerEndpoints) != signature(offered):
                raise self._not_the_same("other endpoints")
        self.session_timeout_s = created.RevisedSessionTimeout / 1000
        parameters = ua.ActivateSessionParameters()
        parameters.LocaleIds = ["en"]
        challenge = (server.public_bytes(Encoding.DER) if server else b"") + (created.ServerNonce or b"")
        if identity is not None:
            parameters.ClientSignature.Algorithm = policy.AsymmetricSignatureURI
            parameters.ClientSignature.Signature = policy.asymmetric_cryptography.signature(challenge)
        nonce = created.ServerNonce or b""
        await asyncio.to_thread(show_user, parameters, self._config, endpoint, token, challenge, nonce)
        await client.activate_session(parameters)

    def _session_parameters(
        self, policy: security_policies.SecurityPolicy, nonce: bytes, identity: pki.Identity | None
    ) -> ua.CreateSessionParameters:
        parameters = ua.CreateSessionParameters()
        parameters.ClientDescription.ApplicationUri = (
            identity.application_uri if identity else self._config.application_uri or "urn:ironstream"
        )
        parameters.ClientDescription.ProductUri = "urn:ironstream"
        parameters.ClientDescription.ApplicationName = ua.LocalizedText("ironstream")
        parameters.ClientDescription.ApplicationType = ua.ApplicationType.Client
        parameters.EndpointUrl = self._config.endpoint
        parameters.SessionName = "ironstream"
        parameters.ClientNonce = nonce
        parameters.ClientCertificate = policy.host_certificate
        parameters.RequestedSessionTimeout = max(_SESSION_TIMEOUT_MS, 3000 * self._config.heartbeat_timeout_s)
        return parameters

    def _not_the_same(self, what: str) -> DeviceSecurityError:
        return DeviceSecurityError(
            f"{self._config.where} showed {what} in the session than before it",
            "somebody may stand between, or the server is being reconfigured: try again, then look at the network",
        )

    async def _tend(self, client: UaClient) -> None:
        """Renew the channel's keys, and the session while nobody asks for anything, also between polls an hour apart.

        When that fails the connection is cut: the next call fails, and tells.
        """
        renew_s = time.monotonic() + self._renew_after_s
        while True:
            await asyncio.sleep(max(0.0, min(renew_s - time.monotonic(), self.session_timeout_s / 3)))
            try:
                if time.monotonic() >= renew_s:
                    parameters = _channel(client.security_policy, ua.SecurityTokenRequestType.Renew)
                    result = await client.open_secure_channel(parameters)
                    client.revolve_security_token()
                    renew_s = time.monotonic() + _RENEW_AT * result.SecurityToken.RevisedLifetime / 1000
                elif time.monotonic() - self._asked_s >= self.session_timeout_s / 3:
                    wanted = ua.ReadValueId()
                    wanted.NodeId, wanted.AttributeId = node_id(ua.ObjectIds.Server_ServerStatus_State), _VALUE
                    request = ua.ReadRequest()
                    request.Parameters.NodesToRead = [wanted]
                    await self._send(request, None)
            except (ua.UaError, OSError, TimeoutError):
                client.disconnect_socket()
                return


def _policy(endpoint: ua.EndpointDescription, identity: pki.Identity | None) -> security_policies.SecurityPolicy:
    if identity is None:
        none: security_policies.SecurityPolicy = _CRYPTO.SecurityPolicyNone()
        return none
    name = next(name for name, policy in POLICIES.items() if endpoint.SecurityPolicyUri == policy.URI)
    server = trust.split_chain(endpoint.ServerCertificate)[0]
    return POLICIES[Security(name)](server, identity.certificate, identity.key, endpoint.SecurityMode)


def _channel(
    policy: security_policies.SecurityPolicy,
    kind: ua.SecurityTokenRequestType = ua.SecurityTokenRequestType.Issue,
) -> ua.OpenSecureChannelParameters:
    parameters = ua.OpenSecureChannelParameters()
    parameters.ClientProtocolVersion = 0
    parameters.RequestType = kind
    parameters.SecurityMode = policy.Mode
    parameters.RequestedLifetime = _CHANNEL_LIFETIME_MS
    parameters.ClientNonce = secrets.token_bytes(policy.secure_channel_nonce_length)
    return parameters
