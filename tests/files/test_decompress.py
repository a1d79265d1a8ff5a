"""A tar archive is refused by its first piece; later pieces may contain anything."""

import pytest

from watchme_analysis.files import decompress

TAR = b"access.log".ljust(257, b"\0") + b"ustar\0" + b"00"
LINES = b"GET / HTTP/1.1\n" * 40


def read(*pieces):
    """Read pieces one after the other, as a decompressor asks for them."""
    left = list(pieces)

    def fill(room):
        piece = left.pop(0) if left else b""
        room[: len(piece)] = piece
        return len(piece)

    checked = decompress._without_tar(fill)
    return [checked(memoryview(bytearray(1024))) for _ in range(len(pieces) + 1)]


def test_an_archive_is_refused_and_a_log_that_quotes_one_is_read():
    with pytest.raises(decompress.TruncatedError):
        read(TAR, LINES)
    assert read(LINES, TAR) == [len(LINES), len(TAR), 0]
