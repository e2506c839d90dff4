from __future__ import annotations

from pathlib import Path

from adapters.registry import CONFIG_MODELS
from ironstream.bench.edits_plan import EDITS, ROUNDS_MAX, Knobs, edited_topology
from ironstream.bench.plant import Plant
from ironstream.topology import check_text


def test_every_edit_of_every_round_makes_another_topology_that_can_be_used() -> None:
    plant, knobs = Plant(20, 5.0, 0), Knobs()
    for number in range(ROUNDS_MAX):
        for kind, edit in EDITS.items():
            before, knobs = knobs, edit(knobs, number)
            text = edited_topology(plant, knobs, 502, Path("lake"))
            assert text != edited_topology(plant, before, 502, Path("lake")), (kind, number)
            found = check_text(text.encode(), adapters=CONFIG_MODELS)
            assert found.topology is not None, (kind, number, found.faults)
        # what a rollback leaves
        knobs = before
