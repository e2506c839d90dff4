from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.errors import DecodeError
from ironstream.topology.sources import CanarySources, Sources, unpacked

GOOD = Sources.single(b"")
BROKEN = [CanarySources("g", *pair).packed() for pair in ((GOOD, Sources("a", {})), (Sources("a", {}), GOOD))]
FILES = st.dictionaries(st.text(min_size=1, max_size=9), st.binary(max_size=200), min_size=1, max_size=4)


@given(FILES)
def test_files_are_packed_and_unpacked_unharmed(files: dict[str, bytes]) -> None:
    sources = Sources(min(files), files)
    assert Sources.unpacked(sources.packed()) == sources


@given(FILES, FILES, st.text(max_size=9))
def test_a_canary_is_packed_with_both_and_whoever_knows_none_gets_what_holds_for_the_plant(
    one: dict[str, bytes], other: dict[str, bytes], gateway: str
) -> None:
    canary = CanarySources(gateway, Sources(min(one), one), Sources(min(other), other))
    assert unpacked(canary.packed()) == canary
    assert Sources.unpacked(canary.packed()) == canary.parent
    assert len({canary.sha256, canary.parent.sha256, canary.candidate.sha256}) >= 2
    assert CanarySources(f"{gateway}+", canary.parent, canary.candidate).sha256 != canary.sha256


@given(FILES, FILES)
def test_other_texts_have_another_digest(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    first, second = Sources(min(one), one), Sources(min(other), other)
    if len(one) == len(other) == 1:
        assert (first.sha256 == second.sha256) == (first.text == second.text)
    else:
        assert (first.sha256 == second.sha256) == (one == other)


@pytest.mark.parametrize("packed", ["", "AAAA", "no base64", Sources("a", {"b": b""}).packed(), *BROKEN])
def test_what_holds_no_topology_is_told(packed: str) -> None:
    with pytest.raises(DecodeError):
        unpacked(packed)
    with pytest.raises(DecodeError):
        Sources.unpacked(packed)


def test_a_file_that_cannot_be_read_makes_another_topology_than_one_without_it() -> None:
    sources = Sources.single(b"version: 1")

    assert Sources(sources.root, sources.files, {"a.yaml": "cannot be read"}).sha256 != sources.sha256
