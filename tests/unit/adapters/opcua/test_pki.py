from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.opcua.pki import load_trust, own_identity, reject
from ironstream.gateway.adapter import DeviceSecurityError
from tests.support.opcua.certificates import make


def test_our_certificate_is_made_once_also_by_many_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: own_identity(tmp_path, "urn:plant:gateway"), range(4)))
    assert len({identity.certificate for identity in made}) == 1
    names = made[0].certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:plant:gateway"]
    assert stat.S_IMODE((tmp_path / "own" / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700


def test_it_is_renewed_before_it_ends_with_the_same_key_and_name(tmp_path: Path) -> None:
    first = own_identity(tmp_path, "urn:plant:gateway")
    later = datetime.now(UTC) + timedelta(days=5 * 365 - 20)
    assert own_identity(tmp_path, None, later - timedelta(days=20)).certificate == first.certificate
    second = own_identity(tmp_path, None, later)
    assert second.certificate != first.certificate
    assert second.certificate.not_valid_after_utc > later + timedelta(days=1000)
    assert (second.application_uri, second.key.public_key()) == ("urn:plant:gateway", first.key.public_key())


def test_one_that_an_authority_issued_is_kept(tmp_path: Path) -> None:
    authority = make("authority", ca=True, number=1)
    issued = make("gateway", issuer=authority, uri="urn:plant:gateway", number=2)
    certificate, key = issued.write(tmp_path, "x")
    (tmp_path / "own").mkdir()
    certificate.rename(tmp_path / "own" / "cert.der")
    key.rename(tmp_path / "own" / "key.pem")
    assert own_identity(tmp_path, None).certificate == issued.certificate


def test_a_name_that_the_certificate_does_not_have_is_told(tmp_path: Path) -> None:
    own_identity(tmp_path, "urn:a:b")
    with pytest.raises(DeviceSecurityError, match="urn:a:b, not urn:c:d"):
        own_identity(tmp_path, "urn:c:d")


def test_files_that_do_not_belong_together_or_cannot_be_read_are_named(tmp_path: Path) -> None:
    own_identity(tmp_path, None)
    own = tmp_path / "own"
    (own / "cert.der").write_bytes(make(number=3).der)
    with pytest.raises(DeviceSecurityError, match="does not belong to"):
        own_identity(tmp_path, None)
    (own / "key.pem").write_text("not a key, but a secret")
    with pytest.raises(DeviceSecurityError, match=r"key\.pem cannot be read") as caught:
        own_identity(tmp_path, None)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceSecurityError, match="neither read nor made") as caught:
        own_identity(tmp_path / "file", None)
    assert "pki_folder" in caught.value.hint


def test_lists_are_read_in_either_form_and_a_broken_file_trusts_nobody(tmp_path: Path) -> None:
    made = make()
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "a.der").write_bytes(made.der)
    (tmp_path / "trusted" / "b.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "trusted" / "README.txt").write_text("for whoever looks here")
    assert load_trust(tmp_path).trusted == [made.certificate] * 2
    (tmp_path / "crls").mkdir()
    (tmp_path / "crls" / "x.crl").write_bytes(b"x")
    with pytest.raises(DeviceSecurityError, match=r"x\.crl"):
        load_trust(tmp_path)


def test_only_the_latest_rejected_certificates_are_kept(tmp_path: Path) -> None:
    (tmp_path / "rejected").mkdir()
    for number in range(120):
        path = tmp_path / "rejected" / f"{number}.der"
        path.write_bytes(b"x")
        os.utime(path, (number, number))
    path = reject(tmp_path, make().certificate)
    left = {file.name for file in (tmp_path / "rejected").iterdir()}
    assert len(left) == 100
    assert path.name in left
    assert "0.der" not in left
