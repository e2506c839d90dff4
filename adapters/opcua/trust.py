"""Whether a server's certificate is to be trusted (Part 4, 6.1.3). Pure: the lists and the time come from outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

_LEAST_BITS: Final = 2048
_MAX_CHAIN: Final = 8
_BROKEN_HASHES: Final = (hashes.MD5, hashes.SHA1)


class CertificateError(ValueError):
    """A certificate must not be used, and why."""


class UntrustedError(CertificateError):
    """A certificate is sound as far as can be seen, but nobody said that it is to be trusted."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Certificates that are trusted, or whose holders may issue such (`trusted`); `issuers` only complete a chain."""

    trusted: Sequence[x509.Certificate] = ()
    issuers: Sequence[x509.Certificate] = ()
    crls: Sequence[x509.CertificateRevocationList] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What the certificate must say. `host` None: any."""

    application_uri: str | None
    host: str | None
    require_crl: bool = False


def split_chain(data: bytes) -> list[x509.Certificate]:
    """The certificates of a chain as OPC UA sends it: DER after DER, the holder's first. Raises CertificateError."""
    chain: list[x509.Certificate] = []
    at = 0
    while at < len(data) and len(chain) < _MAX_CHAIN:
        size = _der_size(data[at:])
        try:
            chain.append(x509.load_der_x509_certificate(data[at : at + size]))
        except ValueError as error:
            raise CertificateError(f"it cannot be read: {error}") from None
        at += size
    if not chain:
        raise CertificateError("the server sent none")
    return chain


def check(chain: Sequence[x509.Certificate], trust: TrustList, expected: Expected, now: datetime) -> None:
    """Return when `chain[0]` may be used. Raises UntrustedError when only trust is missing, else CertificateError."""
    leaf = chain[0]
    _check_times(leaf, now, "it")
    _check_strength(leaf)
    _check_usage(leaf)
    _check_names(leaf, expected)
    _check_trust(chain, trust, expected.require_crl, now)


def _der_size(data: bytes) -> int:
    if len(data) < 4 or data[0] != 0x30:
        raise CertificateError("it is not in DER")
    if data[1] < 0x80:
        return 2 + data[1]
    length_bytes = data[1] & 0x7F
    if not 1 <= length_bytes <= 3:
        raise CertificateError("it is not in DER")
    return 2 + length_bytes + int.from_bytes(data[2 : 2 + length_bytes], "big")


def _check_times(certificate: x509.Certificate, now: datetime, what: str) -> None:
    if now > certificate.not_valid_after_utc:
        raise CertificateError(f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        raise CertificateError(f"{what} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _check_strength(certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
        used = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"its key or signature is of an unknown kind: {error}") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise CertificateError("its key is not RSA")
    if key.key_size < _LEAST_BITS:
        raise CertificateError(f"its key has {key.key_size} bits; {_LEAST_BITS} are the least")
    if isinstance(used, _BROKEN_HASHES):
        raise CertificateError(f"it is signed with {used.name}, which can be forged")


def _check_usage(certificate: x509.Certificate) -> None:
    try:
        usages = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise CertificateError(f"its extensions cannot be read: {error}") from None
    if ExtendedKeyUsageOID.SERVER_AUTH not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
        raise CertificateError("it is not one of a server (ExtendedKeyUsage)")


def _check_names(certificate: x509.Certificate, expected: Expected) -> None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise CertificateError("it has no SubjectAlternativeName, hence no ApplicationURI") from None
    except ValueError as error:
        raise CertificateError(f"its extensions cannot be read: {error}") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if expected.application_uri is not None and expected.application_uri not in uris:
        raise CertificateError(
            f"its ApplicationURI is {', '.join(uris) or 'missing'}, the server calls itself {expected.application_uri}"
        )
    if expected.host is None:
        return
    hosts = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    if not _names_host(expected.host.lower(), hosts, addresses):
        raise CertificateError(
            f"it is for {', '.join([*hosts, *addresses]) or 'no host'}, not for {expected.host}; connect by such "
            "a name, or set check_hostname: false when you know why"
        )


def _names_host(host: str, hosts: Sequence[str], addresses: Sequence[str]) -> bool:
    try:
        return str(ipaddress.ip_address(host)) in addresses or host in hosts
    except ValueError:
        wildcard = "*." + host.partition(".")[2]
        return host in hosts or ("." in host and wildcard in hosts)


def _check_trust(chain: Sequence[x509.Certificate], trust: TrustList, require_crl: bool, now: datetime) -> None:
    trusted = {_der(certificate) for certificate in trust.trusted}
    known = {_der(certificate): certificate for certificate in (*trust.trusted, *trust.issuers)}
    subject = chain[0]
    is_trusted = _der(subject) in trusted
    for _ in range(_MAX_CHAIN):
        if subject.subject == subject.issuer:
            break
        issuer = _issuer(subject, [*known.values(), *chain[1:]])
        if issuer is None:
            if not is_trusted or require_crl:
                raise UntrustedError(f"its issuer {subject.issuer.rfc4514_string()} is not known")
            return
        _check_times(issuer, now, f"its issuer {issuer.subject.rfc4514_string()}")
        _check_revocation(subject, issuer, trust.crls, require_crl, now)
        is_trusted = is_trusted or _der(issuer) in trusted
        subject = issuer
    else:
        raise CertificateError("its chain of issuers is too long")
    if not is_trusted:
        raise UntrustedError("nobody said yet that it is to be trusted")
    if _der(subject) not in known:
        raise UntrustedError(f"the root {subject.subject.rfc4514_string()} of its chain is not known")


def _issuer(subject: x509.Certificate, candidates: Iterable[x509.Certificate]) -> x509.Certificate | None:
    for candidate in candidates:
        try:
            constraints = candidate.extensions.get_extension_for_class(x509.BasicConstraints).value
            subject.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
            continue
        if constraints.ca:
            return candidate
    return None


def _check_revocation(
    subject: x509.Certificate,
    issuer: x509.Certificate,
    crls: Sequence[x509.CertificateRevocationList],
    required: bool,
    now: datetime,
) -> None:
    own = [crl for crl in crls if crl.issuer == issuer.subject and _is_signed_by(crl, issuer)]
    name = issuer.subject.rfc4514_string()
    if any(crl.get_revoked_certificate_by_serial_number(subject.serial_number) is not None for crl in own):
        raise CertificateError(f"{subject.subject.rfc4514_string()} was revoked by {name}")
    valid = [crl for crl in own if crl.next_update_utc is None or crl.next_update_utc >= now]
    if own and not valid:
        raise CertificateError(f"the revocation list of {name} is out of date: put a new one into pki/crls")
    if required and not own:
        raise CertificateError(f"there is no revocation list of {name} in pki/crls")


def _is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    try:
        return isinstance(key, rsa.RSAPublicKey) and crl.is_signature_valid(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
