"""Records of telemetry.raw that are no readings, of every kind that was thought of."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Final

_GOOD: Final[dict[str, object]] = {
    "asset_id": "machine-000",
    "site_id": "works",
    "parameter": "temperature",
    "value": 1.5,
    "timestamps": {"device_time": "2025-01-10T12:00:00Z"},
}
_TEXT: Final = json.dumps(_GOOD)
_BAD_TIMES: Final[tuple[object, ...]] = (
    "now",
    "2025-01-10T12:00:00",
    "1969-12-31T23:59:59Z",
    [],
    {},
    True,
    -5,
    10**30,
    "",
)
_BAD_NAMES: Final = ("", "a/b", "a b", "-a", "x" * 129, "ä", "a\n", "../..", "\x00")
_WRONG: Final[dict[str, tuple[object, ...]]] = {
    "asset_id": (5, None, [], {}),
    "parameter": (5, None, []),
    "value": ("high", [], {}),
    "timestamps": (5, [], "now", None, {}),
    "metadata": (5, [], {"seq": "1"}, {"seq": 1.5}, {"boot": 7}),
    "unit": (5, []),
    "quality": (True, 5),
}
_FLAT: Final[dict[str, object]] = {
    "machine_id": "press-0",
    "site_id": "works",
    "ts": 1_700_000_000,
    "metrics": {"force": 1},
}


def _with(text: str) -> bytes:
    return _TEXT.replace('"value": 1.5', text).encode()


def _body(**fields: object) -> bytes:
    return json.dumps(_GOOD | fields).encode()


def _without(name: str) -> bytes:
    return json.dumps({field: value for field, value in _GOOD.items() if field != name}).encode()


def _mistyped(rnd: random.Random) -> bytes:
    name = rnd.choice(list(_WRONG))
    return _body(**{name: rnd.choice(_WRONG[name])})


def _broken_flat(rnd: random.Random) -> bytes:
    wrong: dict[str, object] = rnd.choice(
        [{"metrics": 5}, {"metrics": {}}, {"metrics": {"force": "high"}}, {"ts": "now"}, {"machine_id": 5}]
    )
    return json.dumps({**_FLAT, **wrong}).encode()


KINDS: Final[dict[str, Callable[[random.Random], bytes | None]]] = {
    "no JSON": lambda rnd: rnd.choice([b"{", b"{oops}", b"'x'", b"{} {}", _TEXT.encode() * 2]),
    "truncated": lambda rnd: _TEXT.encode()[: rnd.randrange(len(_TEXT) - 1)],
    "another type": lambda rnd: rnd.choice([b"[]", b"17", b"null", b'"x"', b"true", b"[{}]", b"{}"]),
    "wrong types": _mistyped,
    "no field": lambda rnd: _without(rnd.choice(["asset_id", "parameter", "value", "timestamps"])),
    "invalid UTF-8": lambda rnd: rnd.choice([b"\xff" + rnd.randbytes(50), _TEXT.encode().replace(b"temp", b"\xc3(")]),
    "UTF-16": lambda rnd: _TEXT.encode("utf-16"),
    "half a character": lambda rnd: _with('"value": 1.5, "x": "\\ud800"'),
    "byte order mark": lambda rnd: b"\xef\xbb\xbf" + _TEXT.encode(),
    "too deep": lambda rnd: rnd.choice([b"[" * 20_000, _with('"value": 1.5, "x": ' + "[" * 20_000 + "]" * 20_000)]),
    "nothing": lambda rnd: rnd.choice([None, b"", b" "]),
    "framed Avro": lambda rnd: b"\x00" + rnd.randbytes(4) + rnd.randbytes(rnd.randrange(60)),
    "schema version": lambda rnd: _body(schema_version=rnd.choice([2, 99, -1, "1", [], 10**30])),
    "names": lambda rnd: _body(**{rnd.choice(["asset_id", "parameter"]): rnd.choice(_BAD_NAMES)}),
    "times": lambda rnd: _body(timestamps={"device_time": rnd.choice(_BAD_TIMES)}),
    "no numbers": lambda rnd: _with('"value": ' + rnd.choice(["NaN", "Infinity", "-Infinity", "1e999", "01", "+1"])),
    "too large a number": lambda rnd: _with('"value": 1' + "0" * rnd.randrange(310, 5000)),
    "a broken flat payload": _broken_flat,
    "huge": lambda rnd: b'{"asset_id":"' + b"a" * rnd.randrange(100_000, 700_000) + b'"}',
}  # fmt: skip
"""What is wrong → a record with it."""
_RARE: Final = ("huge", "too deep")


def poison(rnd: random.Random) -> bytes | None:
    """A record that must be refused as malformed."""
    kind = rnd.choice(list(KINDS))
    if kind in _RARE and rnd.random() < 0.8:
        kind = "no JSON"
    return KINDS[kind](rnd)
