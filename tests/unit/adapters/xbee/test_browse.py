from __future__ import annotations

from adapters.xbee.browse import Survey
from adapters.xbee.messages import Data, LineSample, ModemChanged, NodeFound, Radio, RemoteAnswer
from adapters.xbee.tag import Tag

WELL = Radio("0013A20000000001", "0001")
TANK = Radio("0013A20000000002", "0002")


def test_every_radio_is_offered_with_what_it_sent_last_and_the_tags_that_read_it() -> None:
    survey = Survey()
    for message in (
        Data(WELL, b"old"),
        NodeFound(WELL, "WELL", -47),
        Data(Radio(None, "0001"), b"\x41\xb9\x00\x07"),
        LineSample(TANK, {0: True, 4: False}, {1: 512, 7: 2900}, -60),
        RemoteAnswer(TANK, "DB", True, b"\x3c"),
        ModemChanged(2, "Device joined to network"),
    ):
        survey.take(message)
    offers = list(survey.offers())
    assert [(offer.address, offer.path, offer.type, offer.value) for offer in offers] == [
        ("0013A20000000002", "0013A20000000002", "radio", "-60 dBm"),
        ("10001", "0013A20000000002/10001", "digital line", "high"),
        ("10005", "0013A20000000002/10005", "digital line", "low"),
        ("30002", "0013A20000000002/30002", "analog line", "512"),
        ("30008", "0013A20000000002/30008", "supply voltage", "2900"),
        ("0013A20000000001", "WELL", "radio", "-47 dBm"),
        ("40001", "WELL/40001", "register", "0x41b9"),
        ("40002", "WELL/40002", "register", "0x0007"),
    ]
    tags = [Tag.model_validate(offer.tag) for offer in offers if offer.tag is not None]
    assert [(tag.node, tag.kind.value, tag.address) for tag in tags] == [
        ("0013A20000000002", "discrete", 0),
        ("0013A20000000002", "discrete", 4),
        ("0013A20000000002", "input", 1),
        ("0013A20000000002", "input", 7),
        ("WELL", "holding", 0),
        ("WELL", "holding", 1),
    ]
