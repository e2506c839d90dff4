"""Avro by schema file: a writer's schema to the program that a kernel runs (`kernels.avro_readings`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels import avro_readings as steps
from ironstream.kernels.layout import PARTS

Schema = str | list[Any] | dict[str, Any]
"""A schema as its JSON says it."""

ASSET_PLACE: Final = PARTS + 4
_TIME_SCALES: Final = {"timestamp-millis": 1000, "timestamp-micros": 1}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a field goes: `what` is one of text, time, number, code, value, mark; `column` is one of `kernels.layout`.

    `scale`: µs of one unit of a time that has no logical type. `codes`: number of each symbol of an enum.
    """

    what: str
    column: int = 0
    scale: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """Steps (n, 3) and the tables of its enums (see `kernels.avro_readings`)."""

    steps: NDArray[np.int64]
    codes: NDArray[np.int64]


def compile_schema(schema: Schema, targets: Mapping[str, Target]) -> Program:
    """The program that reads records of a writer's schema; `targets` by name of field, with dots for nested ones.

    A field that is of no type that its target could take makes the records that have it go the slow way.
    """
    compiler = _Compiler(targets)
    compiler.add(schema, "")
    rows = compiler.rows or [[steps.LEAVE, 0, 0]]
    return Program(np.array(rows, np.int64), np.array(compiler.codes or [0], np.int64))


class _Compiler:
    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.rows: list[list[int]] = []
        self.codes: list[int] = []
        self._targets = targets
        self._named: dict[str, dict[str, Any]] = {}

    def add(self, schema: Schema, path: str) -> None:
        target = self._targets.get(path)
        if isinstance(schema, list):
            self._union(schema, path)
        elif isinstance(schema, dict):
            self._complex(schema, path, target)
        elif schema in self._named:
            self._complex(self._named[schema], path, target)
        else:
            self._primitive(schema, None, target)

    def _step(self, what: int, argument: int = 0, second: int = 0) -> None:
        self.rows.append([what, argument, second])

    def _complex(self, schema: dict[str, Any], path: str, target: Target | None) -> None:
        kind = schema["type"]
        if "name" in schema:
            self._named[schema["name"]] = schema
        if kind == "record":
            for one in schema["fields"]:
                name = f"{path}.{one['name']}" if path else one["name"]
                mark = self._targets.get(f"{name}@")
                if mark is not None:
                    self._step(steps.MARK, mark.column)
                self.add(one["type"], name)
        elif kind == "enum":
            self._enum(schema["symbols"], target)
        elif kind == "fixed":
            self._step(steps.SKIP_FIXED if target is None else steps.LEAVE, schema["size"])
        elif kind in ("array", "map"):
            self._step(steps.LEAVE)
        elif isinstance(kind, str):
            self._primitive(kind, schema.get("logicalType"), target)
        else:
            self.add(kind, path)

    def _union(self, branches: list[Schema], path: str) -> None:
        at = len(self.rows)
        self._step(steps.BRANCH, len(branches))
        for _ in branches:
            self._step(steps.JUMP)
        ends = []
        for number, branch in enumerate(branches):
            self.rows[at + 1 + number][1] = len(self.rows)
            self.add(branch, path)
            ends.append(len(self.rows))
            self._step(steps.JUMP)
        for end in ends:
            self.rows[end][1] = len(self.rows)

    def _enum(self, symbols: list[str], target: Target | None) -> None:
        if target is None:
            self._step(steps.SKIP_NUMBER)
        elif target.what == "code":
            self._step(steps.CODE, target.column, len(self.codes))
            self.codes += [len(symbols), *(target.codes.get(symbol, -1) for symbol in symbols)]
        else:
            self._step(steps.LEAVE)

    def _primitive(self, kind: str, logical: str | None, target: Target | None) -> None:
        what = None if target is None else target.what
        column = 0 if target is None else target.column
        if kind == "null":
            if what == "value":
                self._step(steps.LEAVE)
        elif kind in ("string", "bytes"):
            found = {None: steps.SKIP_BYTES, "text": steps.TEXT, "time": steps.TIME_TEXT}
            self._step(found.get(what, steps.LEAVE) if kind == "string" or what is None else steps.LEAVE, column)
        elif kind in ("int", "long"):
            scale = _TIME_SCALES.get(logical or "", 0 if target is None else target.scale)
            if what == "time":
                self._step(steps.TIME if scale else steps.LEAVE, column, scale)
            else:
                found = {None: steps.SKIP_NUMBER, "number": steps.NUMBER, "value": steps.WHOLE}
                self._step(found.get(what, steps.LEAVE), column)
        elif kind in ("float", "double"):
            size = 4 if kind == "float" else 8
            read = steps.FLOAT if kind == "float" else steps.DOUBLE
            found = {None: steps.SKIP_FIXED, "value": read}
            self._step(found.get(what, steps.LEAVE), size if what is None else 0)
        elif kind == "boolean" and what is None:
            self._step(steps.SKIP_FIXED, 1)
        else:
            self._step(steps.LEAVE)
