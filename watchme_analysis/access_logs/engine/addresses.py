"""Reads and writes at memory addresses, which are whole numbers, in compiled functions.

Passing arrays between compiled functions took a sixth of the loop's time. The functions check no bounds: the
callers ensure that the bytes are there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

# Any for the type checker, which takes the typing context for an argument of the call.
intrinsic: Any = extending.intrinsic
# Digits and bytes in a word.
WORD = 8
_BYTE, _SMALL, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic  # type: ignore[untyped-decorator]
def byte_at(_typing: Any, at: Any) -> Any:
    """Return the byte at an address as a whole number: ``byte_at(at)``."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.zext(_load(builder, given[0], _BYTE), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def small_at(_typing: Any, at: Any) -> Any:
    """Return the ``int32`` at an address: ``small_at(at)``."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.sext(_load(builder, given[0], _SMALL), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def word_at(_typing: Any, at: Any) -> Any:
    """Return the eight bytes at an address as a whole number: ``word_at(at)``."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return _load(builder, given[0], _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def put_word(_typing: Any, at: Any, value: Any) -> Any:
    """Store a whole number as the eight bytes at an address: ``put_word(at, value)``."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        builder.store(given[1], builder.inttoptr(given[0], _WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def place_of(_typing: Any, array: Any) -> Any:
    """Return the address of an array's first byte."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, given[0]).data, _WORD)

    return types.int64(array), generate


def _load(builder: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=1)
