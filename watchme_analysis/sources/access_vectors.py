"""Sixteen bytes at a time: what numba has no words for, said to LLVM, which every processor it knows can do.

Each of these reads or writes exactly sixteen bytes; the callers see to it that they are there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

# Any to the type checker, which takes the typing context for an argument of the call.
intrinsic: Any = extending.intrinsic
WIDTH = 16
_BYTE = ir.IntType(8)
_BYTES = ir.VectorType(_BYTE, WIDTH)
_BITS = ir.IntType(WIDTH)


@intrinsic  # type: ignore[untyped-decorator]
def plain_run(_typing: Any, buf: Any, at: Any, low: Any, stop: Any, other: Any) -> Any:
    """Return how many bytes from a place are printable ASCII from ``low`` on and neither of two others.

    ``plain_run(buf, at, low, stop, other)``; 16 when all are.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = builder.load(_place(context, builder, signature, given, 0), align=1)
        least, first, second = (_spread(builder, one) for one in given[2:])
        # Unsigned, so that what is below the least is very large.
        above = builder.sub(chars, least)
        most = builder.sub(_spread(builder, ir.Constant(_BYTE, 126)), least)
        strange = builder.icmp_unsigned(">", above, most)
        strange = builder.or_(strange, builder.icmp_unsigned("==", chars, first))
        strange = builder.or_(strange, builder.icmp_unsigned("==", chars, second))
        return _first_bit(builder, strange)

    return types.int64(buf, types.int64, types.uint8, types.uint8, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def is_same(_typing: Any, buf: Any, at: Any, other: Any) -> Any:
    """Tell whether the bytes at two places are the same: ``is_same(buf, at, other)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here = builder.load(_place(context, builder, signature, given, 0), align=1)
        there = builder.load(_place(context, builder, signature, [given[0], given[2]], 0), align=1)
        different = builder.bitcast(builder.icmp_unsigned("!=", here, there), _BITS)
        return builder.icmp_unsigned("==", different, ir.Constant(_BITS, 0))

    return types.boolean(buf, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(_typing: Any, target: Any, to: Any, source: Any, begin: Any) -> Any:
    """Copy the bytes at a place to another: ``copy_bytes(target, to, source, begin)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = builder.load(_place(context, builder, signature, given, 2), align=1)
        builder.store(chars, _place(context, builder, signature, given, 0), align=1)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), generate


def _place(context: Any, builder: Any, signature: Any, given: Any, which: int) -> Any:
    """Return the pointer to sixteen bytes of an array at the place given behind it."""
    data = context.make_array(signature.args[which])(context, builder, given[which]).data
    return builder.bitcast(builder.gep(data, [given[which + 1]]), _BYTES.as_pointer())


def _spread(builder: Any, char: Any) -> Any:
    """Return a vector with a byte in every place."""
    one = builder.insert_element(ir.Constant(_BYTES, ir.Undefined), char, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_BYTES, ir.Undefined), places)


def _first_bit(builder: Any, found: Any) -> Any:
    """Return the place of the first that was found, 16 when none was."""
    wide = ir.IntType(64)
    bits = builder.zext(builder.bitcast(found, _BITS), wide)
    ended = builder.or_(bits, ir.Constant(wide, 1 << WIDTH))
    return builder.cttz(ended, ir.Constant(ir.IntType(1), 1))
