"""Bytes from array to array, and numbers as text."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ironstream.kernels.compiler import helper


def _memcpy(typing_context: Any, target: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target_type, _, source_type, _, _ = signature.args
        target, at, source, start, length = arguments
        to = context.make_array(target_type)(context, builder, target).data
        of = context.make_array(source_type)(context, builder, source).data
        cgutils.raw_memcpy(  # type: ignore[no-untyped-call]  # numba's own
            builder, builder.gep(to, [at]), builder.gep(of, [start]), length, 1
        )
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.int64), generate


def _load(typing_context: Any, source: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, at = arguments
        data = context.make_array(signature.args[0])(context, builder, source).data
        word = builder.bitcast(builder.gep(data, [at]), ir.IntType(64).as_pointer())
        return builder.load(word, align=1)

    return types.uint64(source, types.int64), generate


def _cttz(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


_copy_memory: Any = intrinsic(_memcpy)
load_word: Any = intrinsic(_load)
"""`load_word(source, at)`: the 8 bytes from `at` on as one uint64, the first the lowest. All must be there."""

trailing_zeros: Any = intrinsic(_cttz)
"""`trailing_zeros(word)`: place of the lowest bit that is set in a uint64, of which there must be one."""


@helper
def copy(target: Any, at: int, source: Any, start: int, end: int) -> int:
    """Copy `source[start:end]` to `target` from `at` on; returns the place after it. Both must be long enough."""
    # A call of memcpy: a loop, or the assignment of slices, costs many times as much for so few bytes.
    if end > start:
        _copy_memory(target, at, source, start, end - start)
        return at + end - start
    return at


@helper
def write_decimal(target: Any, at: int, value: int) -> int:
    """Write a number as text; returns the place after it."""
    if value < 0:
        target[at] = 45  # "-"
        at += 1
        value = -value
    digits = 1
    rest = value // 10
    while rest:
        digits += 1
        rest //= 10
    for place in range(at + digits - 1, at - 1, -1):
        target[place] = 48 + value % 10
        value //= 10
    return at + digits
