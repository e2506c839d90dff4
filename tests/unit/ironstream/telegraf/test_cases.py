"""Each folder of tests/cases/telegraf is a configuration, the topology that comes of it, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.telegraf.device import Options
from ironstream.telegraf.plan import TelegrafPlan, plan_telegraf
from ironstream.topology import check_text

CASES = sorted((Path(__file__).parents[3] / "cases" / "telegraf").iterdir())


def plan_of(case: Path) -> TelegrafPlan:
    path = case / "options.json"
    options = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    environment = options.pop("environment", {})
    text = (case / "telegraf.conf").read_text(encoding="utf-8")
    return plan_telegraf([("telegraf.conf", text)], Options(**options), environment, models=CONFIG_MODELS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_configuration_becomes_this_topology_and_the_rest_is_told(case: Path) -> None:
    made = plan_of(case)

    assert made.data.decode() == (case / "expected.yaml").read_text(encoding="utf-8")
    assert [str(note) for note in made.notes] == (case / "notes.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_of_it_passes_the_check_without_a_warning(case: Path) -> None:
    result = check_text((case / "expected.yaml").read_bytes(), "expected.yaml", CONFIG_MODELS)

    assert result.topology is not None
    assert result.faults == []
