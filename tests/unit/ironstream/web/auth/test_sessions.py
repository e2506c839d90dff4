"""Sessions in signed cookies."""

from __future__ import annotations

import stat
import time
from pathlib import Path

from ironstream.web.auth.principal import Principal, Role
from ironstream.web.auth.sessions import Sealed, Sessions, new_session, secret_in

WHO = Principal("ana", frozenset({Role.OPERATOR}), frozenset({"acme"}), "oidc")
SECRET = "s" * 40


def test_a_session_comes_back_as_it_was() -> None:
    sessions = Sessions(SECRET)

    found = sessions.open(sessions.cookie(new_session(WHO, time.time() + 60)))

    assert found is not None
    assert found.principal == WHO


def test_a_cookie_that_was_changed_or_signed_by_another_is_none() -> None:
    sessions = Sessions(SECRET)
    cookie = sessions.cookie(new_session(WHO, time.time() + 60))

    content, _, signature = cookie.rpartition(".")

    # not its last character: two of the bits of that one say nothing
    assert sessions.open(f"{content}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}") is None
    assert sessions.open("x" + cookie) is None
    assert sessions.open("") is None
    assert sessions.open("\udcff") is None
    assert Sessions("t" * 40).open(cookie) is None


def test_what_was_signed_for_another_use_is_no_session() -> None:
    cookie = Sealed(SECRET, "oidc").seal(new_session(WHO, time.time() + 60))

    assert Sessions(SECRET).open(cookie) is None


def test_a_session_is_over_when_its_time_is_up_or_it_was_ended() -> None:
    sessions = Sessions(SECRET)
    session = new_session(WHO, time.time() + 60)

    assert sessions.open(sessions.cookie(new_session(WHO, time.time() - 1))) is None
    sessions.end(session)
    assert sessions.open(sessions.cookie(session)) is None


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = secret_in(tmp_path / "data")

    assert secret_in(tmp_path / "data") == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "web-secret").stat().st_mode) == 0o600
