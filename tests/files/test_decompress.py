"""Compressed data up to its end, its damage or its limit; archives are refused by their first piece."""

import bz2
import gzip
import lzma
import random
import zlib
from contextlib import suppress
from functools import partial
from io import BytesIO

import pyarrow as pa
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.files import decompress

TAR = b"access.log".ljust(257, b"\0") + b"ustar\0" + b"00"
LINES = b"GET / HTTP/1.1\n" * 40


PACKINGS = {
    "gzip": gzip.compress,
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=0),
}


def test_an_archive_is_refused_and_a_log_that_quotes_one_is_read():
    assert "problem-no-log-tar" in unpacked(gzip.compress(TAR + LINES))[1]
    assert unpacked(gzip.compress(LINES + TAR)) == (LINES + TAR, {})


# Digits that no compression shortens to nothing, in fewer bytes than a stream is read by.
NUMBERS = "".join(f"{number**3 % 1000003}\n" for number in range(3000)).encode()


def unpacked(packed):
    """Return the data before an error, and the messages of the error."""
    found, problem = b"", {}
    try:
        for piece in decompress.unpacked(BytesIO(packed)):
            found += piece
    except decompress.TruncatedError as error:
        problem = messages_in(error.reason.message)
    return found, problem


@together("kind", [kind for kind in PACKINGS if kind != "zstd"])
def test_padding_behind_compressed_data_is_nothing_and_other_bytes_are_a_problem(kind):
    packed = PACKINGS[kind](NUMBERS)
    assert unpacked(packed + bytes(700)) == (NUMBERS, {})
    assert unpacked(packed + bytes(700) + PACKINGS[kind](b"further\n")) == (NUMBERS + b"further\n", {})
    size = str(len(NUMBERS))
    assert unpacked(packed + b"further bytes") == (
        NUMBERS,
        {"problem-packed-other": {"kind": kind, "bytes": size}},
    )


@together("kind", [kind for kind in PACKINGS if kind != "zstd"])
def test_compressed_data_that_ends_early_or_is_damaged_is_read_up_to_there(kind):
    packed = PACKINGS[kind](NUMBERS)
    found, problem = unpacked(packed[:-20])
    assert NUMBERS.startswith(found)
    assert problem == {"problem-packed-end": {"kind": kind, "bytes": str(len(found))}}
    # The second stream is damaged, so that the first is whole.
    damaged = PACKINGS[kind](b"first\n") + packed[:3000] + b"\xff" * 40 + packed[3040:]
    found, problem = unpacked(damaged)
    assert found.startswith(b"first\n")
    assert (b"first\n" + NUMBERS).startswith(found[:1000])
    assert problem["problem-packed-damaged"] | {"error": ""} == {
        "kind": kind,
        "bytes": str(len(found)),
        "error": "",
    }
    assert problem["problem-packed-damaged"]["error"]


def test_zstandard_that_ends_early_is_read_up_to_there():
    found, problem = unpacked(PACKINGS["zstd"](NUMBERS)[:-20])
    assert NUMBERS.startswith(found)
    assert problem["problem-zstandard"]["bytes"] == str(len(found))
    assert problem["problem-zstandard"]["error"]


@together(
    ("first", "kind", "command"),
    [
        (b"PK\x03\x04rest of it", "zip", "unzip -p FILE | watchme access -"),
        (b"\xff\xfeG\0E\0T\0", "utf-16", "iconv -f UTF-16 -t UTF-8 FILE | watchme access -"),
        (b"PAR1 and columns", "parquet", ""),
        (TAR, "tar", "tar -xOf FILE | watchme access -"),
        (gzip.compress(TAR), "tar", "tar -xOf FILE | watchme access -"),
    ],
)
def test_what_is_no_log_is_refused_with_the_command_that_reads_it(first, kind, command):
    assert unpacked(first) == (b"", {f"problem-no-log-{kind}": {"command": command}})


@pytest.mark.fuzz
def test_what_zlib_reads_of_a_damaged_file_is_not_lost():
    """Fed byte by byte, zlib returns all before a damage; a wrong checksum damages no byte."""
    draw = random.Random(seed := random.randrange(10**9))
    whole = "".join(f"{draw.random()} GET /{number}\n" for number in range(20_000)).encode()
    first = gzip.compress(whole[: len(whole) // 3])
    second = gzip.compress(whole[len(whole) // 3 :])
    for place in (len(second) - 8, *(draw.randrange(20, len(second)) for _ in range(8))):
        broken = bytearray(second)
        broken[place] ^= 0xFF
        member, told = zlib.decompressobj(wbits=31), bytearray()
        with suppress(zlib.error):
            for byte in broken:
                told += member.decompress(bytes([byte]))
        found, _ = unpacked(first + bytes(broken))
        assert found[len(whole) // 3 :] == told, (seed, place)
