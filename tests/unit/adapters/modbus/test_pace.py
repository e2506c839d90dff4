from typing import Any

import pytest

from adapters.modbus.config import RegisterKind
from adapters.modbus.pace import bytes_of, haste, least_s, requests_of
from adapters.modbus.plan import ReadRequest
from adapters.modbus.serial_config import ModbusRtuConfig


def line(*units: int, **fields: Any) -> ModbusRtuConfig:
    tags = [{"name": f"t{unit}", "unit_id": unit, "address": 0} for unit in units]
    return ModbusRtuConfig.model_validate({"serial_port": "/dev/ttyUSB0", "tags": tags, **fields})


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [(RegisterKind.HOLDING, 1, 15), (RegisterKind.INPUT, 125, 263), (RegisterKind.COIL, 8, 14), ("discrete", 9, 15)],
)
def test_a_read_takes_its_frame_and_that_of_the_answer(kind: str, count: int, expected: int) -> None:
    assert bytes_of(ReadRequest(1, RegisterKind(kind), 0, count, ())) == expected


def test_a_poll_takes_the_characters_of_all_requests_and_the_silence_before_each() -> None:
    config = line(1, 2, baudrate=9600)

    # 15 characters and 3.5 of silence for each of the two units, of 11 bits
    assert least_s(config, requests_of(config)) == pytest.approx(2 * (15 + 3.5) * 11 / 9600)


def test_a_line_that_is_fast_enough_is_in_no_haste() -> None:
    config = line(1, baudrate=9600)
    least = least_s(config, requests_of(config))

    assert haste(config, least * 1.01) == []
    assert [said.fault for said in haste(config, least * 0.99)] != []


def test_a_unit_alone_on_its_line_holds_up_nobody() -> None:
    assert haste(line(1, timeout_s=3), 1) == []
    assert haste(line(1, 2, timeout_s=3), 1) != []


def test_the_slowest_unit_is_the_one_that_is_named() -> None:
    (said,) = haste(line(1, 2, timeout_s=0.2, retries=0, unit_timeout_s={2: 3}), 1)

    assert "while unit 2 is silent" in said.fault


def test_what_is_proposed_mends_it() -> None:
    config = line(1, baudrate=300)
    (said,) = haste(config, 0.1)

    assert haste(config, float(said.mend.split()[2])) == []
