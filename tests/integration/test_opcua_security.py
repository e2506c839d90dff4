"""Security with a real server: policies, trust, users, and no way down to a channel without."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager
from cryptography.hazmat.primitives.serialization import Encoding

from ironstream.gateway.adapter import DeviceSecurityError
from tests.support.opcua import certificates
from tests.support.opcua.certificates import Made
from tests.support.opcua.client import connected, make
from tests.support.opcua.server import URI, PlantServer

TAGS = [{"name": "a", "node": f"nsu={URI};s=a"}]
P = ua.SecurityPolicyType
ALL = (
    P.NoSecurity,
    P.Basic256Sha256_Sign,
    P.Basic256Sha256_SignAndEncrypt,
    P.Aes128Sha256RsaOaep_SignAndEncrypt,
    P.Aes256Sha256RsaPss_SignAndEncrypt,
)


class Users(UserManager):
    """Who may come in: `reader` with his password, and whoever has a certificate or no name."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, bool]] = []

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> Any:
        self.seen.append((username, certificate is not None))
        if username is not None and (username, password) != ("reader", "s3cret"):
            return None
        return User(role=UserRole.User)


class SecureServer(PlantServer):
    """A server with a certificate, and who used it."""

    def __init__(
        self, folder: Path, made: Made, policies: Sequence[ua.SecurityPolicyType] = ALL, **fields: Any
    ) -> None:
        super().__init__(policies=policies, prepare=self._secure)
        self._files = made.write(folder / "server", "server")
        self._fields = fields
        self.users = Users()

    async def _secure(self, server: Server) -> None:
        await server.load_certificate(str(self._files[0]))
        await server.load_private_key(str(self._files[1]))
        server.iserver.user_manager = self.users
        for name, value in self._fields.items():
            setattr(server, name, value)


def trusting(folder: Path, *trusted: Made) -> Path:
    pki = folder / "pki"
    (pki / "trusted").mkdir(parents=True)
    for number, made in enumerate(trusted):
        (pki / "trusted" / f"{number}.der").write_bytes(made.der)
    return pki


async def read_value(server: PlantServer, **fields: Any) -> Any:
    async with connected(server.endpoint, mode="poll", tags=TAGS, **fields) as seen:
        await seen.until(lambda: seen.samples)
        return seen.samples[0].value


async def refusal(server: PlantServer, **fields: Any) -> DeviceSecurityError:
    adapter = make(server.endpoint, mode="poll", tags=TAGS, **fields)
    with pytest.raises(DeviceSecurityError) as caught:
        await adapter.connect()
    await adapter.close()
    return caught.value


@pytest.mark.parametrize(
    ("security", "mode"),
    [
        ("Basic256Sha256", "sign"),
        ("Basic256Sha256", "sign_and_encrypt"),
        ("Aes128Sha256RsaOaep", "sign_and_encrypt"),
        ("Aes256Sha256RsaPss", "sign_and_encrypt"),
    ],
)
async def test_every_policy_and_mode_reads(tmp_path: Path, security: str, mode: str) -> None:
    made = certificates.make()
    pki = trusting(tmp_path, made)
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        assert await read_value(server, security=security, security_mode=mode, pki_folder=pki) == 1.5
        assert await read_value(server, security=security, security_mode=mode, pki_folder=pki) == 1.5


async def test_our_certificate_is_made_once_and_its_key_is_ours_alone(tmp_path: Path) -> None:
    made = certificates.make()
    pki = trusting(tmp_path, made)
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        await read_value(server, security="auto", pki_folder=pki)
        before = (pki / "own" / "cert.der").read_bytes()
        await read_value(server, security="auto", pki_folder=pki)
    assert (pki / "own" / "cert.der").read_bytes() == before
    assert stat.S_IMODE((pki / "own" / "key.pem").stat().st_mode) == 0o600


async def test_an_unknown_server_is_put_aside_and_the_error_says_how_to_trust_it(tmp_path: Path) -> None:
    made = certificates.make()
    pki = tmp_path / "pki"
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        error = await refusal(server, security="auto", pki_folder=pki)
        (rejected,) = (pki / "rejected").iterdir()
        assert rejected.read_bytes() == made.der
        assert f"mv {rejected} {pki / 'trusted'}/" in error.hint
        (pki / "trusted").mkdir()
        rejected.rename(pki / "trusted" / rejected.name)
        assert await read_value(server, security="auto", pki_folder=pki) == 1.5


async def test_a_server_by_a_trusted_authority_is_trusted_until_it_is_revoked(tmp_path: Path) -> None:
    authority = certificates.make("authority", ca=True, number=1)
    made = certificates.make(issuer=authority)
    pki = trusting(tmp_path, authority)
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        assert await read_value(server, security="auto", pki_folder=pki) == 1.5
        (pki / "crls").mkdir()
        crl = authority.crl(made.certificate.serial_number)
        (pki / "crls" / "authority.crl").write_bytes(crl.public_bytes(Encoding.DER))
        assert "was revoked" in (await refusal(server, security="auto", pki_folder=pki)).message


async def test_there_is_no_way_down_to_a_channel_without_security(tmp_path: Path) -> None:
    async with PlantServer() as server:
        await server.add("a", 1.5)
        for security in ("auto", "Basic256Sha256"):
            error = await refusal(server, security=security, pki_folder=tmp_path)
            assert "None (None)" in error.message
            assert "security: none" in error.hint
    made = certificates.make()
    async with SecureServer(tmp_path, made, (P.Basic256Sha256_SignAndEncrypt,)) as server:
        await server.add("a", 1.5)
        error = await refusal(server, security="Aes256Sha256RsaPss", pki_folder=tmp_path)
        assert "Basic256Sha256 (SignAndEncrypt)" in error.message
        assert "does not offer security none" in (await refusal(server, security="none")).message


async def test_auto_takes_the_strongest(tmp_path: Path) -> None:
    made = certificates.make()
    pki = trusting(tmp_path, made)
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        async with connected(server.endpoint, mode="poll", tags=TAGS, security="auto", pki_folder=pki):
            assert server.server is not None
            (processor,) = [t.get_protocol().processor for t in server.server.iserver.asyncio_transports]
            policy = processor._connection.security_policy
    assert policy.URI.endswith("#Aes256_Sha256_RsaPss")
    assert policy.Mode == ua.MessageSecurityMode.SignAndEncrypt


async def test_users_come_in_by_password_and_by_certificate(tmp_path: Path) -> None:
    made = certificates.make()
    pki = trusting(tmp_path, made)
    certificate, key = certificates.make("operator", uri=None, hosts=(), number=2).write(tmp_path, "user")
    async with SecureServer(tmp_path, made) as server:
        await server.add("a", 1.5)
        password = {"username": "reader", "password": "s3cret"}
        assert await read_value(server, security="auto", pki_folder=pki, **password) == 1.5
        user = {"user_certificate": certificate, "user_key": key}
        assert await read_value(server, security="auto", pki_folder=pki, **user) == 1.5
        assert [name for name, _ in server.users.seen[-2:]] == ["reader", None]
        wrong = {"username": "reader", "password": "guess-9"}
        error = await refusal(server, security="auto", pki_folder=pki, **wrong)
        assert "username and password" in error.hint
        assert "guess-9" not in str(error)


async def test_a_password_does_not_go_where_anybody_can_read_it(tmp_path: Path) -> None:
    async with PlantServer() as server:
        await server.add("a", 1.5)
        password = {"username": "reader", "password": "s3cret"}
        error = await refusal(server, security="none", **password)
        assert "unencrypted" in error.message
        assert "s3cret" not in str(error)
        assert await read_value(server, security="none", allow_plain_password=True, **password) == 1.5


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"uri": "urn:somebody:else"}, "ApplicationURI"),
        ({"hosts": ("plc.example.com",)}, "not for 127.0.0.1"),
    ],
)
async def test_a_trusted_certificate_of_another_is_refused(tmp_path: Path, fields: dict[str, Any], fault: str) -> None:
    made = certificates.make(**fields)
    pki = trusting(tmp_path, made)
    async with SecureServer(tmp_path, made) as server:
        assert fault in (await refusal(server, security="auto", pki_folder=pki)).message
