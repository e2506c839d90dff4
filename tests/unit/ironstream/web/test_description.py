"""The API describes itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ironstream.settings import Settings
from ironstream.web.app import build_web
from ironstream.web.options import WebOptions
from tests.support.web_memory import NO_DATA


@pytest.fixture(scope="module")
def described() -> Any:
    return build_web(Settings(data_dir=NO_DATA), WebOptions()).openapi()


def _operations(described: Any) -> Iterator[Any]:
    for path in described["paths"].values():
        yield from path.values()


def test_each_operation_is_summed_up_in_words_of_its_own(described: Any) -> None:
    summaries = {one["operationId"]: one["summary"] for one in _operations(described)}

    assert summaries["makeToken"] == "Make a token; the answer shows it, once. The first one turns the login on"
    assert [name for name, text in summaries.items() if len(text.split()) < 3] == []
    assert len(set(summaries.values())) == len(summaries)


def test_each_body_that_can_be_sent_has_an_example_that_is_one(described: Any) -> None:
    bodies = {
        one["operationId"]: one["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for one in _operations(described)
        if "requestBody" in one
    }
    assert {"login", "commandAlarm", "rollBackTopology", "replayDeadLetters", "makeToken"} <= bodies.keys()
    for name in bodies.values():
        schema = described["components"]["schemas"][name]
        assert schema["examples"]
        for example in schema["examples"]:
            assert set(schema.get("required", ())) <= example.keys() <= schema["properties"].keys()
