from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua.trust import CertificateError, Expected, TrustList, UntrustedError, check, split_chain
from tests.support.opcua.certificates import SERVER_URI, Made, make

EXPECTED = Expected(SERVER_URI, "127.0.0.1")
DAY = timedelta(days=1)


def judge(made: Made, trust: TrustList | None = None, expected: Expected = EXPECTED, *chain: Made) -> None:
    own = TrustList([made.certificate]) if trust is None else trust
    certificates = [made.certificate, *(one.certificate for one in chain)]
    check(certificates, own, expected, datetime.now(UTC))


def test_a_certificate_in_the_list_is_trusted() -> None:
    judge(make())


def test_one_that_is_not_in_the_list_is_only_untrusted() -> None:
    with pytest.raises(UntrustedError):
        judge(make(), TrustList([make("other", number=1).certificate]))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"valid": (-2 * DAY, -DAY)}, "expired"),
        ({"valid": (DAY, 2 * DAY)}, "valid only from"),
        ({"uri": "urn:other"}, "ApplicationURI is urn:other"),
        ({"uri": None}, "ApplicationURI is missing"),
        ({"uri": None, "hosts": ()}, "no SubjectAlternativeName"),
        ({"hosts": ("plc", "10.0.0.1")}, "is for plc, 10.0.0.1, not for 127.0.0.1"),
        ({"usage": ExtendedKeyUsageOID.CLIENT_AUTH}, "not one of a server"),
        ({"number": 9, "bits": 1024}, "1024 bits"),
    ],
)
def test_one_that_is_not_sound_is_refused_though_it_is_in_the_list(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(CertificateError, match=fault) as caught:
        judge(make(**fields))
    assert not isinstance(caught.value, UntrustedError)


@pytest.mark.parametrize("host", ["PLC.example.com", "a.plants.example.com"])
def test_names_of_hosts_are_compared_as_names(host: str) -> None:
    judge(make(hosts=("plc.example.com", "*.plants.example.com")), None, Expected(SERVER_URI, host))
    with pytest.raises(CertificateError, match="not for"):
        judge(make(hosts=("*.example.com",)), None, Expected(SERVER_URI, "a.b.example.com"))


ROOT = make("root", ca=True, number=1)
MIDDLE = make("middle", ca=True, issuer=ROOT, number=2)


def test_a_chain_is_followed_to_an_issuer_that_is_trusted() -> None:
    leaf = make(issuer=MIDDLE)
    judge(leaf, TrustList([ROOT.certificate], [MIDDLE.certificate]))
    judge(leaf, TrustList([ROOT.certificate]), EXPECTED, MIDDLE)
    judge(leaf, TrustList([MIDDLE.certificate], [ROOT.certificate]))


def test_issuers_complete_a_chain_but_are_not_trusted() -> None:
    with pytest.raises(UntrustedError, match="nobody said"):
        judge(make(issuer=MIDDLE), TrustList([], [ROOT.certificate, MIDDLE.certificate]))


def test_a_chain_that_the_server_sent_is_not_trusted_for_that() -> None:
    with pytest.raises(UntrustedError):
        judge(make(issuer=MIDDLE), TrustList(), EXPECTED, MIDDLE, ROOT)
    forged = make("root", ca=True, number=3)
    with pytest.raises(UntrustedError):
        judge(make(issuer=forged), TrustList([ROOT.certificate]), EXPECTED, forged)


def test_only_an_authority_may_issue() -> None:
    plain = make("plain", number=4)
    with pytest.raises(UntrustedError, match="issuer"):
        judge(make(issuer=plain), TrustList([plain.certificate]))


def test_an_authority_that_expired_has_issued_nothing() -> None:
    old = make("old", ca=True, number=5, valid=(-2 * DAY, -DAY))
    with pytest.raises(CertificateError, match="issuer CN=old expired"):
        judge(make(issuer=old), TrustList([old.certificate]))


def test_what_was_revoked_is_refused_also_when_it_lies_in_the_list() -> None:
    leaf = make(issuer=ROOT)
    crl = ROOT.crl(leaf.certificate.serial_number)
    for trusted in (ROOT, leaf):
        with pytest.raises(CertificateError, match="was revoked"):
            judge(leaf, TrustList([trusted.certificate], [ROOT.certificate], [crl]))
    judge(make(issuer=ROOT), TrustList([ROOT.certificate], [], [crl]))
    revoked_middle = ROOT.crl(MIDDLE.certificate.serial_number)
    with pytest.raises(CertificateError, match="CN=middle was revoked"):
        judge(make(issuer=MIDDLE), TrustList([ROOT.certificate], [MIDDLE.certificate], [revoked_middle]))


def test_a_list_by_somebody_else_revokes_nothing() -> None:
    leaf = make(issuer=ROOT)
    other = make("root", ca=True, number=6)
    judge(leaf, TrustList([ROOT.certificate], [], [other.crl(leaf.certificate.serial_number)]))


def test_a_list_that_is_out_of_date_or_missing_where_it_is_required_trusts_nobody() -> None:
    leaf = make(issuer=ROOT)
    old = ROOT.crl(next_update=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(CertificateError, match="out of date"):
        judge(leaf, TrustList([ROOT.certificate], [], [old]))
    strict = Expected(SERVER_URI, "127.0.0.1", require_crl=True)
    with pytest.raises(CertificateError, match="no revocation list"):
        judge(leaf, TrustList([ROOT.certificate]), strict)
    judge(leaf, TrustList([ROOT.certificate], [], [ROOT.crl()]), strict)


def test_a_chain_is_taken_apart() -> None:
    leaf = make(issuer=ROOT)
    assert split_chain(leaf.der + ROOT.der) == [leaf.certificate, ROOT.certificate]


@given(st.binary(max_size=100))
def test_hostile_bytes_are_no_certificate(data: bytes) -> None:
    with pytest.raises(CertificateError):
        split_chain(data)
