"""Many bytes at a time: what numba has no words for, said to LLVM, which every processor it knows can do.

A place is an address in memory, as a whole number. Nothing here looks what lies there: the callers see to it
that so many bytes can be read.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

# Any to the type checker, which takes the typing context for an argument of the call.
intrinsic: Any = extending.intrinsic
WIDTH = 32
_BYTE = ir.IntType(8)
_BYTES = ir.VectorType(_BYTE, WIDTH)
_BITS = ir.IntType(WIDTH)
_WORD = ir.IntType(64)
# As many digits a word holds.
WORD = 8
# And as many bytes are compared.
SAME = 16
# So many bytes a processor brings near at once.
NEAR = 64


@intrinsic  # type: ignore[untyped-decorator]
def plain_run(_typing: Any, at: Any, low: Any, stop: Any, other: Any) -> Any:
    """Return how many bytes from a place are printable ASCII from ``low`` on and neither of two others.

    ``plain_run(at, low, stop, other)``; ``WIDTH`` when all are.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = _load(builder, given[0], _BYTES)
        least, first, second = (_spread(builder, one) for one in given[1:])
        # Unsigned, so that what is below the least is very large.
        above = builder.sub(chars, least)
        most = builder.sub(_spread(builder, ir.Constant(_BYTE, 126)), least)
        unexpected = builder.icmp_unsigned(">", above, most)
        unexpected = builder.or_(unexpected, builder.icmp_unsigned("==", chars, first))
        unexpected = builder.or_(unexpected, builder.icmp_unsigned("==", chars, second))
        return _first_bit(builder, unexpected)

    return types.int64(types.int64, types.uint8, types.uint8, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def matches(_typing: Any, at: Any, char: Any) -> Any:
    """Return which of ``WIDTH`` bytes from a place are a certain one, as bits, the first the lowest."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = _load(builder, given[0], _BYTES)
        found = builder.icmp_unsigned("==", chars, _spread(builder, given[1]))
        return builder.zext(builder.bitcast(found, _BITS), _WORD)

    return types.int64(types.int64, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(_typing: Any, bits: Any) -> Any:
    """Return the place of the lowest bit that is set, 64 when none is."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def is_same(_typing: Any, at: Any, other: Any) -> Any:
    """Tell whether the 16 bytes at two places are the same: ``is_same(at, other)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here = _load(builder, given[0], ir.IntType(8 * SAME))
        there = _load(builder, given[1], ir.IntType(8 * SAME))
        return builder.icmp_unsigned("==", here, there)

    return types.boolean(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def byte_at(_typing: Any, at: Any) -> Any:
    """Return the byte at a place as a whole number: ``byte_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.zext(_load(builder, given[0], _BYTE), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def small_at(_typing: Any, at: Any) -> Any:
    """Return the ``int32`` at a place: ``small_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.sext(_load(builder, given[0], ir.IntType(32)), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def word_at(_typing: Any, at: Any) -> Any:
    """Return the eight bytes at a place as a whole number: ``word_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _load(builder, given[0], _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def starts_with(_typing: Any, at: Any, word: Any, mask: Any) -> Any:
    """Tell whether the eight bytes at a place are those of a word where a mask has ones.

    ``starts_with(at, word, mask)``, both as ``int64``, the first byte the lowest.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here = _load(builder, given[0], _WORD)
        return builder.icmp_unsigned("==", builder.and_(here, given[2]), given[1])

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def leading_digits(_typing: Any, at: Any) -> Any:
    """Return the number that the digits at a place make, at most eight, times 16, plus how many they are.

    ``leading_digits(at)``. All eight are summed at once, two by two, four by four, and both halves.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        def constant(value: int) -> Any:
            return ir.Constant(_WORD, value)

        here = builder.xor(_load(builder, given[0], _WORD), constant(0x3030303030303030))
        # What is no digit is 10 or more now; a carry into the byte behind it doesn't matter.
        above = builder.or_(here, builder.add(here, constant(0x0606060606060606)))
        unexpected = builder.and_(above, constant(0xF0F0F0F0F0F0F0F0 - (1 << 64)))
        bits = builder.cttz(unexpected, ir.Constant(ir.IntType(1), 0))
        count = builder.lshr(bits, constant(3))
        # What is no digit moves out at the top; what comes in below are zeros, which lead.
        unused = builder.sub(constant(64), builder.shl(count, constant(3)))
        is_none = builder.icmp_unsigned("==", count, constant(0))
        moved = builder.shl(here, builder.select(is_none, constant(0), unused))
        pairs = builder.add(builder.mul(moved, constant(10)), builder.lshr(moved, constant(8)))
        low = builder.and_(pairs, constant(0x000000FF000000FF))
        high = builder.and_(builder.lshr(pairs, constant(16)), constant(0x000000FF000000FF))
        summed = builder.add(
            builder.mul(low, constant(0x000F424000000064)), builder.mul(high, constant(0x0000271000000001))
        )
        value = builder.select(is_none, constant(0), builder.lshr(summed, constant(32)))
        return builder.or_(builder.shl(value, constant(4)), count)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(_typing: Any, to: Any, at: Any) -> Any:
    """Copy ``WIDTH`` bytes from a place to another: ``copy_bytes(to, at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = builder.inttoptr(given[0], _BYTES.as_pointer())
        builder.store(_load(builder, given[1], _BYTES), target, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def touch(_typing: Any, at: Any) -> Any:
    """Read the byte at a place and do nothing with it, so that what stands there is near: ``touch(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        byte = builder.zext(_load(builder, given[0], _BYTE), _WORD)
        # No instruction, but one that LLVM believes to need the byte: else it would leave the reading out.
        builder.asm(ir.FunctionType(ir.VoidType(), [_WORD]), "", "r", [byte], side_effect=True)
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def place_of(_typing: Any, array: Any) -> Any:
    """Return the place of an array's first byte."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, given[0]).data, _WORD)

    return types.int64(array), generate


def _load(builder: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=1)


def _spread(builder: Any, char: Any) -> Any:
    """Return a vector with a byte in every place."""
    one = builder.insert_element(ir.Constant(_BYTES, ir.Undefined), char, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_BYTES, ir.Undefined), places)


def _first_bit(builder: Any, found: Any) -> Any:
    """Return the place of the first that was found, ``WIDTH`` when none was."""
    bits = builder.zext(builder.bitcast(found, _BITS), _WORD)
    ended = builder.or_(bits, ir.Constant(_WORD, 1 << WIDTH))
    return builder.cttz(ended, ir.Constant(ir.IntType(1), 1))
