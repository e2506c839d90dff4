"""Shows a server who the user is: nobody, a name with its password, or a certificate."""

from __future__ import annotations

from typing import Any, Final

from asyncua import ua
from asyncua.crypto import security_policies
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.opcua import pki, trust
from adapters.opcua.config import OpcUaConfig
from adapters.opcua.endpoints import NONE_URI, token_policy

_CRYPTO: Final[Any] = security_policies
"""asyncua leaves it without annotations."""


def show_user(
    parameters: ua.ActivateSessionParameters,
    config: OpcUaConfig,
    endpoint: ua.EndpointDescription,
    token: ua.UserTokenPolicy,
    challenge: bytes,
    nonce: bytes,
) -> None:
    """Put the user into `parameters`, in the way of `token` (see `endpoints.user_token`, which refuses unsafe ones).

    A password is encrypted with the server's certificate and `nonce`; a user's certificate signs `challenge`. Blocks
    (RSA, files). Raises DeviceSecurityError.
    """
    uri = token_policy(token, endpoint)
    user: Any
    if token.TokenType == ua.UserTokenType.UserName:
        user = ua.UserNameIdentityToken()
        user.UserName = config.username
        user.Password = (config.password.get_secret_value() if config.password else "").encode()
        user.EncryptionAlgorithm = None
        if uri != NONE_URI:
            key = trust.split_chain(endpoint.ServerCertificate)[0].public_key()
            secret = ua.ua_binary.Primitives.Bytes.pack(user.Password + nonce)
            user.Password, user.EncryptionAlgorithm = _CRYPTO.encrypt_asymmetric(key, secret, uri)
    elif token.TokenType == ua.UserTokenType.Certificate and config.user_certificate and config.user_key:
        certificate, own_key = pki.load_user(config.user_certificate, config.user_key)
        user = ua.X509IdentityToken()
        user.CertificateData = certificate.public_bytes(Encoding.DER)
        signed, algorithm = _CRYPTO.sign_asymmetric(own_key, challenge, uri)
        parameters.UserTokenSignature.Algorithm, parameters.UserTokenSignature.Signature = algorithm, signed
    else:
        user = ua.AnonymousIdentityToken()
    user.PolicyId = token.PolicyId
    parameters.UserIdentityToken = user
