from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironstream.rollout.history import History
from ironstream.rollout.records import Change, Entry, Proposal, Version, decode_entry, encode_entry

AT = "2026-11-21T12:00:00Z"


def version(number: int, text: str = "", gateway: str | None = None) -> Version:
    return Version(number, text or f"sha-{number}", "", "ann", "why", AT, gateway=gateway)


def change(number: int, to: int, action: str = "apply", name: str = "") -> Change:
    return Change(number, name or f"c{number}", to, action, "ann", "why", AT)  # type: ignore[arg-type]  # a literal


def history_of(*entries: Entry) -> History:
    history = History()
    for entry in entries:
        history.add(entry)
    return history


def test_of_two_that_took_a_number_at_once_the_first_counts() -> None:
    history = History()
    assert history.add(version(1, "a"))
    assert not history.add(version(1, "b"))
    assert history.add(change(1, 1, name="first"))
    assert not history.add(change(1, 1, name="second"))
    assert [one.id for one in history.changes] == ["first"]
    assert history.versions[1].sha256 == "a"


def test_a_change_to_a_version_that_nobody_wrote_does_not_count() -> None:
    history = history_of(version(1), change(1, 1))
    assert not history.add(change(2, 7))
    assert history.current == change(1, 1)
    assert history.add(version(7))
    assert history.add(change(2, 7, name="again"))


def test_a_text_that_was_there_keeps_its_number_but_not_that_of_a_canary() -> None:
    history = history_of(version(1, "a"), version(2, "b"), version(3, "b", gateway="gw-1"), change(1, 1))
    found = history.of_text("b")
    assert found is not None
    assert found.number == 2
    assert history.of_text("c") is None
    assert (history.next_version, history.next_change) == (4, 2)


def test_a_rollback_goes_back_and_further_back_not_to_and_fro() -> None:
    steps = [change(1, 1, "start"), change(2, 2), change(3, 3)]
    history = history_of(version(1), version(2), version(3), *steps)
    back = []
    while (before := history.before()) is not None:
        back.append(before.number)
        history.add(change(history.next_change, before.number, "rollback"))
    assert back == [2, 1]
    history.add(change(history.next_change, 3))
    before = history.before()
    assert before is not None
    assert before.number == 1


def test_a_rollback_never_goes_to_a_canary() -> None:
    history = history_of(
        version(1), version(2), version(3, gateway="gw-1"), change(1, 1, "start"), change(2, 3, "canary")
    )
    assert history.before() == version(1)
    history.add(change(3, 2, "promote"))
    assert history.before() == version(1)


_ENTRIES = st.lists(
    st.one_of(
        st.builds(version, st.integers(1, 4), st.sampled_from("ab")),
        st.builds(change, st.integers(1, 6), st.integers(1, 5), st.sampled_from(["apply", "rollback", "canary"])),
        st.builds(Proposal, st.text(max_size=3), st.integers(1, 4), st.just("ann"), st.just(AT)),
    ),
    max_size=20,
)


@given(_ENTRIES)
def test_whatever_is_in_the_log_the_history_holds_together(entries: list[Entry]) -> None:
    history = history_of(*(decode_entry(encode_entry(entry)) for entry in entries))
    assert [one.number for one in history.changes] == list(range(1, len(history.changes) + 1))
    assert all(one.version in history.versions for one in history.changes)
    before = history.before()
    if before is not None:
        assert before is not history.version
        assert before.number in {one.version for one in history.changes[:-1]}
