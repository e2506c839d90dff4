"""A produce request has the bytes that aiokafka's own schema gives it."""

from __future__ import annotations

from typing import Any

import pytest

from ironstream.engine.requests import _VERSIONS, encode_produce

REQUESTS: list[dict[str, Any]] = [
    {"transactional_id": None, "required_acks": -1, "timeout": 1000, "topics": []},
    {
        "transactional_id": "tä",
        "required_acks": 1,
        "timeout": 5,
        "topics": [("a", [(0, b"batch"), (7, memoryview(b"other"))]), ("b.c", [(3, bytearray(b""))])],
    },
]


@pytest.mark.parametrize("version", _VERSIONS, ids=lambda version: version.__name__)
@pytest.mark.parametrize("fields", REQUESTS)
def test_the_bytes_are_those_of_the_schema(version: Any, fields: dict[str, Any]) -> None:
    request = version(**fields)
    plain = [(topic, [(number, bytes(data)) for number, data in parts]) for topic, parts in fields["topics"]]
    assert encode_produce(request) == version.SCHEMA.encode(
        [plain if name == "topics" else fields[name] for name in version.SCHEMA.names]
    )
