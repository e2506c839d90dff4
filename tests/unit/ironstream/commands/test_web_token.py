"""`ironstream web token`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ironstream.cli import main
from ironstream.web.auth.principal import Role
from ironstream.web.auth.tokens import FILE_NAME, Tokens, read_tokens


@pytest.fixture(autouse=True)
def _no_file_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRONSTREAM_WEB_TOKENS", raising=False)


def test_a_token_is_printed_alone_and_kept_as_its_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["web", "token", "--role", "operator", "--tenant", "acme", "--name", "panel-3", "--data-dir"]
    assert main([*arguments, str(tmp_path)]) == 0

    said = capsys.readouterr()
    token = said.out.strip()
    assert token not in said.err
    assert token not in (tmp_path / FILE_NAME).read_text()
    found = Tokens(tmp_path / FILE_NAME).find(token, datetime.now(UTC))
    assert found is not None
    assert (found.name, found.roles, found.tenants) == ("panel-3", [Role.OPERATOR], ["acme"])


def test_a_token_may_hold_for_a_time_and_be_kept_in_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IRONSTREAM_WEB_TOKENS", str(tmp_path / "own.yaml"))
    assert main(["web", "token", "--role", "engineer", "--expires", "8h", "--output", "json"]) == 0

    said = json.loads(capsys.readouterr().out)
    (entry,) = read_tokens(tmp_path / "own.yaml")
    assert said["id"] == entry.id
    assert entry.expires is not None
    assert timedelta(hours=7) < entry.expires - datetime.now(UTC) <= timedelta(hours=8)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--list", "--role", "operator"],
        ["--role", "root"],
        ["--role", "operator", "--tenant", "../x"],
        ["--role", "operator", "--expires", "x"],
    ],
)
def test_what_cannot_be_a_token_is_not_made(tmp_path: Path, arguments: list[str]) -> None:
    assert main(["web", "token", *arguments, "--data-dir", str(tmp_path)]) == 2
    assert not (tmp_path / FILE_NAME).exists()


def test_tokens_are_listed_without_their_hashes_and_taken_back_by_name_or_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-dir", str(tmp_path)]
    for arguments in (["--name", "panel-3", "--tenant", "acme"], ["--expires", "8h"], ["--expires", "9h"]):
        assert main(["web", "token", "--role", "operator", *arguments, *where]) == 0
    entries = read_tokens(tmp_path / FILE_NAME)
    capsys.readouterr()

    assert main(["web", "token", "--list", "--output", "json", *where]) == 0
    listed = capsys.readouterr().out
    assert [one["name"] for one in json.loads(listed)] == ["panel-3", "operator", "operator"]
    assert main(["web", "token", "--list", *where]) == 0
    listed += capsys.readouterr().out
    assert "panel-3" in listed
    assert all(one.sha256 not in listed for one in entries)
    assert main(["web", "token", "--revoke", "panel-3", *where]) == 0
    assert main(["web", "token", "--revoke", "operator", *where]) == 2
    assert entries[1].id in capsys.readouterr().err
    assert main(["web", "token", "--revoke", entries[2].id, *where]) == 0
    assert read_tokens(tmp_path / FILE_NAME) == [entries[1]]
    assert main(["web", "token", "--revoke", "panel-3", *where]) == 2


def test_without_a_login_the_view_is_not_open_to_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["web", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path)]) == 2

    said = capsys.readouterr().err
    assert "nobody could log in" in said
    assert "ironstream web token" in said
    assert "web on http" not in said
