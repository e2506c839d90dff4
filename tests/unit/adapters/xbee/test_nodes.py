from __future__ import annotations

from adapters.xbee.config import NodeConfig
from adapters.xbee.messages import NodeFound, Radio
from adapters.xbee.nodes import Directory, NodeState

FIRST = Radio("0013A20000000001", "0001")
SECOND = Radio("0013A20000000002", "0002")


def node(**fields: str) -> NodeState:
    return NodeState(NodeConfig.model_validate(fields), silence_s=10)


def test_a_full_address_is_that_of_one_radio() -> None:
    known = node(address64="0013A20000000001")
    directory = Directory([known])
    assert directory.node_of(FIRST) is known
    assert directory.node_of(SECOND) is None
    assert not directory.may_be_wanted(SECOND)
    assert not directory.unresolved


def test_the_beginning_of_an_address_takes_the_first_radio_that_is_heard() -> None:
    any_radio = node(address64="0013A200")
    directory = Directory([any_radio])
    assert directory.node_of(SECOND) is any_radio
    assert directory.node_of(FIRST) is None
    assert directory.node_of(SECOND) is any_radio


def test_a_full_address_goes_before_the_beginning_of_one() -> None:
    any_radio, first = node(address64="0013A200"), node(address64="0013A20000000001")
    assert Directory([any_radio, first]).node_of(FIRST) is first


def test_a_name_belongs_to_the_radio_that_gave_it() -> None:
    well = node(node_id="WELL")
    directory = Directory([well])
    assert directory.unresolved
    assert directory.may_be_wanted(FIRST)
    assert directory.learn(NodeFound(SECOND, "OTHER")) is None
    assert not directory.may_be_wanted(SECOND)
    assert directory.learn(NodeFound(FIRST, "WELL")) is None
    assert directory.node_of(FIRST) is well
    assert not directory.unresolved


def test_a_second_radio_of_the_same_name_is_refused_until_the_first_is_lost() -> None:
    well = node(node_id="WELL")
    directory = Directory([well])
    directory.learn(NodeFound(FIRST, "WELL"))
    conflict = directory.learn(NodeFound(SECOND, "WELL"))
    assert conflict == "radios 0013A20000000001 and 0013A20000000002 are both named WELL"
    assert directory.node_of(FIRST) is well
    well.lost = True
    assert directory.learn(NodeFound(SECOND, "WELL")) is None
    assert directory.node_of(SECOND) is well
    assert directory.node_of(FIRST) is None


def test_a_16_bit_address_is_known_once_its_radio_named_itself() -> None:
    well = node(address64="0013A20000000001")
    directory = Directory([well])
    assert directory.node_of(Radio(None, "0001")) is None
    directory.learn(NodeFound(FIRST, "WELL"))
    assert directory.node_of(Radio(None, "0001")) is well
    assert directory.name_of(Radio(None, "0001")) == "WELL"


def test_a_crowd_of_invented_radios_does_not_keep_a_node_from_being_found() -> None:
    well = node(node_id="WELL")
    directory = Directory([well])
    for number in range(2_000):
        directory.learn(NodeFound(Radio(f"{number:016X}", f"{number:04X}"), f"X{number}"))
    directory.learn(NodeFound(FIRST, "WELL"))
    assert directory.node_of(FIRST) is well
