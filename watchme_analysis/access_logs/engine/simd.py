"""Vector operations that numba lacks, emitted as LLVM instructions for any supported processor.

Addresses are whole numbers. The functions check no bounds: the callers ensure that enough bytes are readable.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

# Any for the type checker, which takes the typing context for an argument of the call.
intrinsic: Any = extending.intrinsic
WIDTH = 32
_BYTE = ir.IntType(8)
_BYTES = ir.VectorType(_BYTE, WIDTH)
_BITS = ir.IntType(WIDTH)
_WORD = ir.IntType(64)
# Digits in a word.
WORD = 8
# Bytes that are compared at once.
SAME = 16
# Bytes of a cache line.
NEAR = 64


@intrinsic  # type: ignore[untyped-decorator]
def plain_run(_typing: Any, at: Any, low: Any, stop: Any, other: Any) -> Any:
    """Return the number of bytes at an address that are printable ASCII from ``low`` on and not two others.

    ``plain_run(at, low, stop, other)``; ``WIDTH`` when all are.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = _load(builder, given[0], _BYTES)
        least, first, second = (_spread(builder, one) for one in given[1:])
        # Unsigned, so that bytes below the lower bound become very large.
        above = builder.sub(chars, least)
        most = builder.sub(_spread(builder, ir.Constant(_BYTE, 126)), least)
        unexpected = builder.icmp_unsigned(">", above, most)
        unexpected = builder.or_(unexpected, builder.icmp_unsigned("==", chars, first))
        unexpected = builder.or_(unexpected, builder.icmp_unsigned("==", chars, second))
        return _first_bit(builder, unexpected)

    return types.int64(types.int64, types.uint8, types.uint8, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def matches(_typing: Any, at: Any, char: Any) -> Any:
    """Return a bit for each of ``WIDTH`` bytes at an address that equals a byte, the first the lowest."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        chars = _load(builder, given[0], _BYTES)
        found = builder.icmp_unsigned("==", chars, _spread(builder, given[1]))
        return builder.zext(builder.bitcast(found, _BITS), _WORD)

    return types.int64(types.int64, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(_typing: Any, bits: Any) -> Any:
    """Return the position of the lowest set bit, 64 without one."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def is_same(_typing: Any, at: Any, other: Any) -> Any:
    """Return whether the 16 bytes at two addresses are equal: ``is_same(at, other)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here = _load(builder, given[0], ir.IntType(8 * SAME))
        there = _load(builder, given[1], ir.IntType(8 * SAME))
        return builder.icmp_unsigned("==", here, there)

    return types.boolean(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def byte_at(_typing: Any, at: Any) -> Any:
    """Return the byte at an address as a whole number: ``byte_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.zext(_load(builder, given[0], _BYTE), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def small_at(_typing: Any, at: Any) -> Any:
    """Return the ``int32`` at an address: ``small_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.sext(_load(builder, given[0], ir.IntType(32)), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def word_at(_typing: Any, at: Any) -> Any:
    """Return the eight bytes at an address as a whole number: ``word_at(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _load(builder, given[0], _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def starts_with(_typing: Any, at: Any, word: Any, mask: Any) -> Any:
    """Return whether the eight bytes at an address equal those of a word in the bits of a mask.

    ``starts_with(at, word, mask)``, both as ``int64``, with the first byte the lowest.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here = _load(builder, given[0], _WORD)
        return builder.icmp_unsigned("==", builder.and_(here, given[2]), given[1])

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def leading_digits(_typing: Any, at: Any) -> Any:
    """Return the number of at most eight digits at an address times 16, plus the number of digits.

    ``leading_digits(at)``. All eight digits are summed at once: in pairs, in fours, and both halves.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        def constant(value: int) -> Any:
            return ir.Constant(_WORD, value)

        here = builder.xor(_load(builder, given[0], _WORD), constant(0x3030303030303030))
        # Bytes that are not digits are now 10 or more; a carry into the next byte does not matter.
        above = builder.or_(here, builder.add(here, constant(0x0606060606060606)))
        unexpected = builder.and_(above, constant(0xF0F0F0F0F0F0F0F0 - (1 << 64)))
        bits = builder.cttz(unexpected, ir.Constant(ir.IntType(1), 0))
        count = builder.lshr(bits, constant(3))
        # Bytes from the first non-digit on are shifted out at the top and replaced by leading zeros.
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
    """Copy ``WIDTH`` bytes to an address from another: ``copy_bytes(to, at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = builder.inttoptr(given[0], _BYTES.as_pointer())
        builder.store(_load(builder, given[1], _BYTES), target, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def touch(_typing: Any, at: Any) -> Any:
    """Read the byte at an address to load its cache line: ``touch(at)``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        byte = builder.zext(_load(builder, given[0], _BYTE), _WORD)
        # An empty instruction that uses the byte for LLVM, which would otherwise remove the read.
        builder.asm(ir.FunctionType(ir.VoidType(), [_WORD]), "", "r", [byte], side_effect=True)
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def place_of(_typing: Any, array: Any) -> Any:
    """Return the address of an array's first byte."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, given[0]).data, _WORD)

    return types.int64(array), generate


def _load(builder: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=1)


def _spread(builder: Any, char: Any) -> Any:
    """Return a vector that repeats a byte."""
    one = builder.insert_element(ir.Constant(_BYTES, ir.Undefined), char, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_BYTES, ir.Undefined), places)


def _first_bit(builder: Any, found: Any) -> Any:
    """Return the position of the first match, ``WIDTH`` without one."""
    bits = builder.zext(builder.bitcast(found, _BITS), _WORD)
    ended = builder.or_(bits, ir.Constant(_WORD, 1 << WIDTH))
    return builder.cttz(ended, ir.Constant(ir.IntType(1), 1))
