from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from ironstream.errors import ConfigurationError
from ironstream.gateway.secrets import Redactor, references, resolve
from ironstream.gateway.settings import GatewaySettings


async def test_a_secret_comes_from_the_environment_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "plc-password").write_text("from-file\n")
    (tmp_path / "other").write_text("from-file\n")
    monkeypatch.setenv("IRONSTREAM_SECRET_PLC_PASSWORD", "from-env")
    config = {"a": "x-${secret:plc-password}", "b": [{"c": "${secret:other}"}], "d": 1}
    resolved, redact = await resolve(config, GatewaySettings(secrets_dir=tmp_path))
    assert resolved == {"a": "x-from-env", "b": [{"c": "from-file"}], "d": 1}
    assert redact("from-env and from-file") == "*** and ***"


async def test_every_secret_that_is_not_to_be_found_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await resolve({"a": "${secret:one}", "b": "${secret:../two}"}, GatewaySettings())
    assert "'one'" in caught.value.message
    assert "'../two'" in caught.value.message


async def test_vault_is_asked_last_with_the_token_and_its_field_value_is_taken() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["X-Vault-Token"] == "token"
        if request.path == "/v1/kv/data/plc/user":
            return web.json_response({"data": {"data": {"value": "from-vault"}}})
        return web.Response(status=404 if request.path.endswith("missing") else 403)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = GatewaySettings(vault_url=url, vault_token="token", vault_mount="kv")
    try:
        assert (await resolve({"a": "${secret:plc/user}"}, settings))[0] == {"a": "from-vault"}
        with pytest.raises(ConfigurationError, match="'missing' is not to be found"):
            await resolve({"a": "${secret:missing}"}, settings)
        with pytest.raises(ConfigurationError, match="could not be read from Vault") as caught:
            await resolve({"a": "${secret:forbidden}"}, settings)
        assert "token" not in caught.value.message
    finally:
        await runner.cleanup()


def test_references_are_found_at_any_depth() -> None:
    assert references({"a": ["${secret:x}", {"b": "u:${secret:y}@${secret:z}"}], "c": 3}) == {"x", "y", "z"}


def test_the_longest_secret_is_hidden_first() -> None:
    assert Redactor(["abc", "abcdef", ""])("abcdef abc") == "*** ***"


def test_settings_do_not_show_their_token() -> None:
    assert "hush" not in repr(GatewaySettings(vault_token="hush", kafka_options={"sasl_plain_password": "hush"}))
