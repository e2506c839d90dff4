"""Tokens in their file."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ironstream.errors import ConfigurationError
from ironstream.web.auth.principal import Role
from ironstream.web.auth.token_file import add_token
from ironstream.web.auth.tokens import Tokens, make_token, read_tokens

NOW = datetime(2026, 1, 31, 18, tzinfo=UTC)


def test_a_token_is_found_by_its_text_and_kept_as_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    token, entry = make_token("panel-3", [Role.OPERATOR], ["acme"], None)

    add_token(path, entry)

    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = Tokens(path).find(token, NOW)
    assert found is not None
    assert found.principal.roles == {Role.OPERATOR}
    assert found.principal.sees("acme")
    assert not found.principal.sees("other")
    assert Tokens(path).find(token + "x", NOW) is None


def test_a_token_without_tenants_sees_all_of_them(tmp_path: Path) -> None:
    _, entry = make_token("boss", [Role.ADMIN], None, None)
    add_token(tmp_path / "t", entry)

    assert read_tokens(tmp_path / "t")[0].principal.sees_all


def test_a_token_does_not_hold_once_it_has_expired(tmp_path: Path) -> None:
    token, entry = make_token("short", [Role.OPERATOR], None, NOW + timedelta(seconds=1))
    add_token(tmp_path / "t", entry)
    tokens = Tokens(tmp_path / "t")

    assert tokens.find(token, NOW) is not None
    assert tokens.find(token, NOW + timedelta(seconds=1)) is None
    assert tokens.by_id(entry.id, NOW + timedelta(seconds=1)) is None


def test_what_is_added_and_removed_while_it_runs_is_known_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t"
    tokens = Tokens(path)
    assert len(tokens) == 0
    first, one = make_token("one", [Role.OPERATOR], None, None)
    second, two = make_token("two", [Role.ENGINEER], None, None)
    add_token(path, one)
    add_token(path, two)

    assert tokens.find(first, NOW) is not None
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if one.sha256 not in line))
    assert tokens.find(first, NOW) is None
    assert tokens.find(second, NOW) is not None
    path.unlink()
    assert tokens.find(second, NOW) is None


def test_a_file_that_is_damaged_while_it_runs_lets_nobody_new_in_and_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "t"
    token, entry = make_token("one", [Role.OPERATOR], None, None)
    add_token(path, entry)
    tokens = Tokens(path)

    path.write_text("- {name: [")

    assert tokens.find(token, NOW) is not None
    with pytest.raises(ConfigurationError, match="no file of tokens"):
        Tokens(path)


@pytest.mark.parametrize(
    "text",
    [
        "- {name: a, sha256: short, roles: [operator]}",
        "- {name: a, sha256: '" + "0" * 64 + "', roles: []}",
        "- {name: a, sha256: '" + "0" * 64 + "', roles: [root]}",
        "- {name: a, sha256: '" + "0" * 64 + "', roles: [operator], tenant: acme}",
        "- {name: a, sha256: '" + "0" * 64 + "', roles: [operator], tenants: []}",
        "tokens: {}",
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)

    with pytest.raises(ConfigurationError):
        read_tokens(tmp_path / "t")


def test_a_file_may_be_written_by_hand_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("# by hand\n- name: ci\n  sha256: '" + "a" * 64 + "'\n  roles: [copilot]")
    _, entry = make_token("more", [Role.OPERATOR], None, NOW)

    add_token(path, entry)

    assert [one.name for one in read_tokens(path)] == ["ci", "more"]
    assert read_tokens(path)[1].expires == NOW
    assert path.read_text().startswith("# by hand")


def test_a_tenant_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        make_token("x", [Role.OPERATOR], ["../etc"], None)
