from __future__ import annotations

import pytest

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.errors import silent


@pytest.mark.parametrize(("version", "named"), [("5", True), ("3.1.1", False)])
def test_a_broker_that_does_not_answer_may_be_older_than_the_version_that_is_spoken(version: str, named: bool) -> None:
    tag = {"name": "a", "topic": "a"}
    config = MqttConfig.model_validate({"host": "broker", "client_id": "c", "version": version, "tags": [tag]})

    error = silent(config, "CONNECT")

    assert error.message == "broker:1883: no answer to CONNECT in 10 s"
    assert ('version: "3.1.1"' in error.hint) is named
