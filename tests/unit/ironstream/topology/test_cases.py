"""Each folder of tests/cases/topology is a file with faults and what is to be said of them."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from adapters.modbus.config import ModbusTcpConfig
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.sinks.registry import SINKS
from ironstream.topology import check_sources, read_sources
from tests.support.sink_kinds import KINDS

CASES = Path(__file__).parents[3] / "cases" / "topology"


class AnyConfig(BaseModel):
    """An adapter that takes whatever it is given."""

    model_config = ConfigDict(extra="allow")


ADAPTERS: dict[str, type[BaseModel]] = {
    "modbus-rtu": ModbusRtuConfig,
    "modbus-tcp": ModbusTcpConfig,
    "mqtt": AnyConfig,
}


def case_names() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir())


@pytest.mark.parametrize("name", case_names())
def test_every_fault_is_told_with_its_place_and_mend(name: str) -> None:
    sources = read_sources(CASES / name / "broken.yaml")
    expected = (CASES / name / "expected.txt").read_text(encoding="utf-8")

    result = check_sources(sources, ADAPTERS, {**KINDS, **SINKS})

    assert "".join(f"{fault}\n" for fault in result.faults) == expected
    assert (result.topology is None) == (": error: " in expected)
    assert all(fault.mend for fault in result.faults)


def test_there_are_at_least_fifty_cases_and_no_two_say_the_same() -> None:
    said = [(CASES / name / "expected.txt").read_text(encoding="utf-8") for name in case_names()]

    assert len(said) >= 50
    assert len(set(said)) == len(said)
