"""Certificates for tests: of servers and users, self-signed or by an authority of the test."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_URI = "urn:freeopcua:python:server"
"""ApplicationURI of asyncua's server unless it is told otherwise."""


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key, the same for a number within a run: they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    revoked: list[int] = field(default_factory=list)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Files of the certificate and its key."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.der", folder / f"{name}.pem"
        paths[0].write_bytes(self.der)
        pem = self.key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        paths[1].write_bytes(pem)
        return paths

    def crl(self, *serials: int, next_update: datetime | None = None) -> x509.CertificateRevocationList:
        """A revocation list of this authority."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - timedelta(days=2)).next_update(next_update or now + timedelta(days=1))
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.key, hashes.SHA256())


def make(
    name: str = "server",
    *,
    uri: str | None = SERVER_URI,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    issuer: Made | None = None,
    ca: bool = False,
    valid: tuple[timedelta, timedelta] = (timedelta(days=-1), timedelta(days=1)),
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    number: int = 0,
    bits: int = 2048,
    digest: hashes.SHA256 | None = None,
) -> Made:
    """A certificate that is sound unless it is asked to be otherwise."""
    own, subject = key(number, bits), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    names: list[x509.GeneralName] = [] if uri is None else [x509.UniformResourceIdentifier(uri)]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return Made(builder.sign(issuer.key if issuer else own, digest or hashes.SHA256()), own)
