"""Kernels: loops over bytes and columns, compiled to machine code where numpy has no operation for them.

A kernel fills arrays that its caller made, touches no Python object, never raises and runs without the interpreter
lock. It takes the common case only and says so where a record is not: that one goes the slow way, through msgspec,
which decides what is right (docs/adr/0003-kernels.md). Arrays of bytes are `uint8`, places in them are `int64`
[start, end) pairs, -1 where there is nothing.
"""
