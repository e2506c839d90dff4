from __future__ import annotations

from collections.abc import Iterator

import pytest

from ironstream.rollout.records import Version
from ironstream.sink_process.declared import declared_in, unknown_sink, was_ever_declared
from ironstream.topology import Topology, check_text
from ironstream.topology.sources import Sources
from tests.support.sink_kinds import KINDS

PLANT = """\
version: 1
deployment: {name: works}
assets:
  - {id: archive-pump}
sinks:
  - {id: archive, kind: folder, config: {path: /srv/archive}}
  - {id: at-rest, kind: folder, enabled: false, config: {path: /srv/rest}}
"""


def topology(text: str = PLANT) -> Topology:
    found = check_text(text.encode(), sinks=KINDS).topology
    assert found is not None
    return found


def versions(*texts: str) -> Iterator[Version]:
    for number, text in enumerate(texts, 1):
        sources = Sources.single(text.encode())
        yield Version(number, sources.sha256, sources.packed(), "ann", "", "2026-11-22T00:00:00.000Z")


@pytest.mark.parametrize(
    ("before", "after", "another"),
    [
        ("id: archive-pump", "id: pump-2", False),
        ("enabled: false", "enabled: true", False),
        ("path: /srv/rest", "path: /srv/at-rest", False),
        ("path: /srv/archive", "path: /srv/elsewhere", True),
        ("kind: folder, config: {path: /srv/archive", "kind: folder, batch_rows: 9, config: {path: /srv/archive", True),
        ("name: works", "name: mill", True),
        ("assets:", "windows:\n  - {size_s: 5}\nassets:", True),
    ],
)
def test_only_what_decides_how_a_sink_runs_makes_it_another(before: str, after: str, another: bool) -> None:
    assert PLANT.count(before) == 1
    now = declared_in(topology(), "archive", KINDS)
    then = declared_in(topology(PLANT.replace(before, after)), "archive", KINDS)
    assert (now.running != then.running) is another
    assert then.running is not None


def test_a_sink_that_is_not_to_run_says_why() -> None:
    at_rest = declared_in(topology(), "at-rest", KINDS)
    assert (at_rest.running, at_rest.idle) == (None, "it is not enabled")
    assert at_rest.part is not None
    gone = declared_in(topology(), "gone", KINDS)
    assert (gone.part, gone.running, gone.idle) == (None, None, "the topology does not declare it")


def test_a_sink_is_known_when_any_version_had_it_and_not_for_what_else_has_its_name() -> None:
    before = PLANT.replace("id: at-rest", "id: history")
    assert was_ever_declared(versions(before, PLANT), "history")
    assert was_ever_declared(versions(PLANT), "at-rest")
    assert not was_ever_declared(versions(PLANT, before), "archive-pump")
    assert not was_ever_declared(versions(PLANT, before), "oncall")


def test_a_version_that_cannot_be_read_knows_no_sink() -> None:
    assert not was_ever_declared([Version(1, "", "not packed", "ann", "", "")], "archive")


def test_the_error_for_a_name_that_nobody_knows_names_the_nearest() -> None:
    error = unknown_sink("archiv", topology(), 3)
    assert error.message == "Version 3 of the topology, which holds, has no sink archiv, nor had any before it."
    assert error.hint == "Did you mean 'archive'? There are: archive, at-rest. `ironstream apply` adds one."
