"""Two hours of a link that flaps every 30 s, without the pauses (longer: `python -m tests.support.faults.flaps`)."""

from __future__ import annotations

from pathlib import Path

from ironstream.embedded import EmbeddedKafka
from tests.support.faults.deployment import Deployment
from tests.support.faults.flaps import Run, schedule

FLAPS = 240
SEED = 3


async def test_two_hours_of_link_flaps_lose_no_reading_and_tell_each_outage_once(
    plant_of_victim: Deployment, victim: EmbeddedKafka, tmp_path: Path
) -> None:
    run = Run(plant_of_victim, victim, tmp_path)
    await run.flap(schedule(SEED, FLAPS), broker_faults=2)
    print(await run.judge())


def test_the_same_seed_deals_the_same_flaps_and_every_kind_of_them() -> None:
    assert schedule(SEED, FLAPS) == schedule(SEED, FLAPS)
    assert {flap.kind for flap in schedule(SEED, FLAPS)} == {
        "cut",
        "half-close",
        "half-close far",
        "refuse",
        "freeze",
        "delay",
    }
