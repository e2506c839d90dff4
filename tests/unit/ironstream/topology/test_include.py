from __future__ import annotations

import pytest

from ironstream.topology import check_sources
from ironstream.topology.include import in_order, matches
from ironstream.topology.sources import Sources


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("assets.yaml", "assets.yaml", True),
        ("assets.yaml", "assets/assets.yaml", False),
        ("*.yaml", "assets.yaml", True),
        ("*.yaml", "assets/pumps.yaml", False),
        ("assets/*.yaml", "assets/pumps.yaml", True),
        ("assets/*.yaml", "assets/north/pumps.yaml", False),
        ("**/*.yaml", "assets.yaml", True),
        ("**/*.yaml", "assets/north/pumps.yaml", True),
        ("assets/**/*.yaml", "assets/north/pumps.yaml", True),
        ("*.yaml", ".assets.yaml", False),
        ("**/*.yaml", ".git/a.yaml", False),
        ("line-[12].yaml", "line-2.yaml", True),
        ("line-?.yaml", "line-10.yaml", False),
    ],
)
def test_a_pattern_means_files_of_its_folder_and_none_that_are_hidden(pattern: str, name: str, meant: bool) -> None:
    assert matches(pattern, name) is meant


def test_a_file_is_meant_once_in_the_order_of_the_patterns_and_then_of_names() -> None:
    names = ["a/2.yaml", "b.yaml", "a/1.yaml"]

    assert in_order(["b.yaml", "a/*.yaml", "*.yaml"], names) == ["b.yaml", "a/1.yaml", "a/2.yaml"]


def test_lists_of_included_files_follow_those_of_the_first() -> None:
    sources = Sources(
        "topology.yaml",
        {
            "topology.yaml": b"version: 1\ninclude: ['*.yaml']\nassets: [{id: a, machine_type: pump}]\n",
            "c.yaml": b"version: 1\nassets: [{id: c, machine_type: pump}]\n",
            "b.yaml": b"version: 1\nassets: [{id: b}]\nmachine_types: [{id: pump}]\n",
        },
    )

    result = check_sources(sources)

    assert result.faults == []
    assert result.topology is not None
    assert [asset.id for asset in result.topology.assets] == ["a", "b", "c"]
    assert [kind.id for kind in result.topology.machine_types] == ["pump"]


def test_a_file_that_no_pattern_means_is_not_taken() -> None:
    sources = Sources("t.yaml", {"t.yaml": b"version: 1\n", "b.yaml": b"version: 1\nassets: [{id: b}]\n"})

    topology = check_sources(sources).topology

    assert topology is not None
    assert topology.assets == ()


def test_the_path_of_a_fault_is_that_in_its_own_file_and_its_name_has_the_folder() -> None:
    sources = Sources(
        "t.yaml",
        {
            "t.yaml": b"version: 1\ninclude: [b.yaml]\nassets: [{id: a}, {id: a2}]\n",
            "b.yaml": b"version: 1\nassets:\n  - {id: b, machine_type: pump}\n",
        },
    )

    (fault,) = check_sources(sources, folder="plants/north").faults

    assert (fault.filename, fault.line, fault.column) == ("plants/north/b.yaml", 3, 27)
    assert fault.path == "assets[0].machine_type"


def test_what_makes_an_included_item_unsound_does_not_hide_faults_of_others() -> None:
    sources = Sources(
        "t.yaml",
        {
            "t.yaml": b"version: 1\ninclude: [b.yaml]\n",
            "b.yaml": b"version: 1\nassets: [{id: 1}, {id: b, site: s}]\nsites: [{id: x}, {name: y}]\n",
        },
    )

    faults = check_sources(sources).faults

    assert [(fault.line, fault.column) for fault in faults] == [(2, 15), (2, 33), (3, 18)]
