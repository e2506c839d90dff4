from __future__ import annotations

from adapters.simulator.ports import ports_in, said


def test_the_ports_that_were_told_are_found_among_other_lines() -> None:
    output = "a warning\n" + said("modbus-tcp", "127.0.0.1", 40515, "units: 1 pump-1") + "listening on 1.2.3.4:5\n"
    output += said("mqtt", "::1", 41057, "press-1")

    assert ports_in(output) == {"modbus-tcp": 40515, "mqtt": 41057}
