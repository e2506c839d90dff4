"""Changes of the file of tokens."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from ironstream.web.auth.principal import Role
from ironstream.web.auth.token_file import add_token, remove_token
from ironstream.web.auth.tokens import make_token, read_tokens


def _add(path: Path, name: str) -> str:
    """Add some and take every other one back; the names of those that stay end with `stays`."""
    for number in range(10):
        _, goes = make_token(f"{name}-{number}-goes", [Role.OPERATOR], None, None)
        _, stays = make_token(f"{name}-{number}-stays", [Role.OPERATOR], None, None)
        add_token(path, goes)
        add_token(path, stays)
        assert remove_token(path, goes.id) == goes
    return name


def test_of_many_changes_at_once_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    with ProcessPoolExecutor(3, get_context("spawn")) as processes:
        names = list(processes.map(_add, [path] * 3, "abc"))

    kept = sorted(one.name for one in read_tokens(path))
    assert kept == sorted(f"{name}-{number}-stays" for name in names for number in range(10))


def test_comments_and_other_lines_stay_when_a_token_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    (_, one), (_, two) = (make_token(name, [Role.OPERATOR], None, None) for name in ("one", "two"))
    add_token(path, one)
    path.write_text(path.read_text() + "# the one at the gate\n")
    before = path.read_bytes()
    add_token(path, two)

    assert remove_token(path, two.id) == two
    assert path.read_bytes() == before
    assert remove_token(path, two.id) is None


def test_a_token_that_was_written_by_hand_on_several_lines_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    (_, one), (_, two) = (make_token(name, [Role.OPERATOR], ["acme"], None) for name in ("one", "two"))
    path.write_text(
        "".join(f"- name: {entry.name}\n  sha256: {entry.sha256}\n  roles:\n  - operator\n" for entry in (one, two))
    )

    assert remove_token(path, one.id) is not None
    assert [(left.name, left.sha256, left.roles) for left in read_tokens(path)] == [("two", two.sha256, ["operator"])]
