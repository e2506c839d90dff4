"""The folder of certificates: our own, made once, and whom we trust.

pki/own/cert.der, key.pem   ours; give cert.der to the server
pki/trusted/                servers (or issuers) that are trusted
pki/rejected/               servers that were not; move one to trusted/ to trust it
pki/issuers/, pki/crls/     certificates that complete a chain, and revocation lists
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.opcua.trust import TrustList
from ironstream.gateway.adapter import DeviceSecurityError

_LOG = structlog.get_logger(__name__)
_VALID: Final = timedelta(days=5 * 365)
_RENEW_BEFORE: Final = timedelta(days=30)
_MAX_REJECTED: Final = 100
_SUFFIXES: Final = frozenset({".der", ".pem", ".crt", ".cer", ".crl"})

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Identity:
    """Our certificate, its key, and the ApplicationURI that it names."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    application_uri: str
    path: Path


def own_identity(folder: Path, application_uri: str | None, now: datetime | None = None) -> Identity:
    """Our certificate from `folder`/own, made there when there is none and renewed when it ends within 30 days.

    One that an authority issued is left as it is. Blocks (RSA). Raises DeviceSecurityError.
    """
    now = now or datetime.now(UTC)
    own = folder / "own"
    uri = application_uri or f"urn:{socket.gethostname()}:ironstream"
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(own / ".lock"):
            return _identity(own, uri, application_uri is not None, now)
    except OSError as error:
        raise DeviceSecurityError(
            f"our certificate in {own} can be neither read nor made: {error.strerror or error}",
            "give pki_folder a folder that this process may write, and keep it across restarts",
        ) from error


def load_trust(folder: Path) -> TrustList:
    """What lies in trusted, issuers and crls. Raises DeviceSecurityError naming a file that cannot be read."""
    return TrustList(
        _load(folder / "trusted", _certificate),
        _load(folder / "issuers", _certificate),
        _load(folder / "crls", _revocations),
    )


def reject(folder: Path, certificate: x509.Certificate) -> Path:
    """Put a certificate that was not trusted into `folder`/rejected; only the latest are kept. Raises OSError."""
    rejected = folder / "rejected"
    rejected.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{certificate.fingerprint(hashes.SHA1()).hex()}.der"
    (rejected / name).write_bytes(certificate.public_bytes(Encoding.DER))
    # whoever stands between may show us a new one each time
    for old in sorted(rejected.glob("*.der"), key=lambda path: path.stat().st_mtime)[:-_MAX_REJECTED]:
        old.unlink(missing_ok=True)
    return rejected / name


def load_user(certificate: Path, key: Path) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """The certificate and key of a user. Raises DeviceSecurityError."""
    return _read(certificate, _certificate), _read(key, _private_key)


def _identity(own: Path, uri: str, is_given: bool, now: datetime) -> Identity:
    key_path, path = own / "key.pem", own / "cert.der"
    key = _read(key_path, _private_key) if key_path.exists() else _new_key(key_path)
    if not path.exists():
        return _new_certificate(path, key, uri, now)
    certificate = _read(path, _certificate)
    if certificate.public_key() != key.public_key():
        raise DeviceSecurityError(f"{path} does not belong to {key_path}", "put both files there, or remove both")
    named = _uri_of(certificate)
    if is_given and named != uri:
        raise DeviceSecurityError(
            f"{path} has the ApplicationURI {named}, not {uri}",
            f"set application_uri to it, or remove {path}: it is then made anew and the server must trust it again",
        )
    left = certificate.not_valid_after_utc - now
    if left < _RENEW_BEFORE:
        if certificate.issuer == certificate.subject:
            _LOG.warning(
                "certificate_renewed", file=str(path), hint="give the new file to the server: it must trust it"
            )
            return _new_certificate(path, key, named or uri, now)
        _LOG.warning("certificate_expires", file=str(path), days=left.days, hint="have its issuer renew it")
    return Identity(certificate, key, named or uri, path)


def _new_key(path: Path) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, 0o600)
    return key


def _new_certificate(path: Path, key: rsa.RSAPrivateKey, uri: str, now: datetime) -> Identity:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ironstream")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(socket.gethostname())])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # the clocks of controllers are often behind
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(path, certificate.public_bytes(Encoding.DER), 0o644)
    return Identity(certificate, key, uri, path)


def _uri_of(certificate: x509.Certificate) -> str | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else None


def _write(path: Path, data: bytes, mode: int) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    # born with its mode: a key is never readable by others, not for a moment
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    part.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # several adapters may start at once on one folder
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _load(folder: Path, load: Callable[[bytes], Loaded]) -> list[Loaded]:
    if not folder.is_dir():
        return []
    return [_read(path, load) for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]


def _read(path: Path, load: Callable[[bytes], Loaded]) -> Loaded:
    try:
        return load(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        # neither the text of a key nor a hint of it
        raise DeviceSecurityError(
            f"{path} cannot be read ({type(error).__name__})", "it must be PEM or DER, without a password"
        ) from None


def _certificate(data: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)


def _revocations(data: bytes) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(data) if b"-----BEGIN" in data else x509.load_der_x509_crl(data)


def _private_key(data: bytes) -> rsa.RSAPrivateKey:
    load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    key = load(data, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key
