"""Encodings of text files: UTF-8, and the Japanese encodings that older programs still write.

Shift-JIS (as Windows code page 932), EUC-JP and ISO-2022-JP are converted line by line, so that a log to
which programs of two encodings write is read as well. No byte of a multi-byte character in these encodings
is a line feed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from watchme_analysis.text.message import Code, Resource
from watchme_analysis.text.render import note

# Names of codecs, and the names that people use.
_NAMES = {"cp932": "Shift-JIS (CP932)", "euc_jp": "EUC-JP", "iso2022_jp": "ISO-2022-JP"}
# Start of two-byte characters in ISO-2022-JP, which has seven bits only.
_JIS = b"\x1b$"
_PIECE_BYTES = 1 << 20
# Lines by which the encoding is determined.
_SAMPLE_LINES = 2000
# Shares from which an encoding counts as found: of lines that it can read, and of characters that are usual
# in Japanese text and stand beside each other. Western text has single ones between ASCII letters.
_READABLE = 0.9
_USUAL = 0.8
# Share of syllabic characters in EUC-JP, whose bytes also make up Korean and Chinese text.
_KANA = 0.05
# First byte in code page 932 after which no further usual kanji come.
_LAST_USUAL = 0x98


class Converted(NamedTuple):
    """Text in UTF-8, and a sentence about its encoding; empty for UTF-8."""

    data: bytes
    remark: str


def as_utf8(data: bytes) -> Converted:
    """Return text in UTF-8, converted from a Japanese encoding if it is in one.

    ``data``: content of a file. Binary data is returned as it is.
    """
    if data.isascii() and _JIS not in data:
        return Converted(data, "")
    if b"\0" in data[:_PIECE_BYTES]:
        return Converted(data, "")
    others: list[bytes] = []
    unread = fine = 0
    for piece in _pieces(data):
        if _is_utf8(piece):
            fine += piece.count(b"\n") if not piece.isascii() else 0
            continue
        for line in piece.splitlines(keepends=False):
            if not _is_utf8(line):
                unread += 1
                others += [line] if len(others) < _SAMPLE_LINES else []
            elif not line.isascii():
                fine += 1
    if not others:
        return Converted(data, "")
    found = _encoding(others)
    if found is not None:
        text = b"".join(_converted(piece, found) for piece in _pieces(data))
        return Converted(text, note("note-encoding", lines=unread, encoding=Resource(_NAMES[found])))
    if unread < fine:
        # Single damaged lines, or bytes that a client sent, are shown as they are.
        return Converted(data, "")
    command = Code("iconv -f ENCODING -t UTF-8")
    return Converted(data, note("note-encoding-unknown", lines=unread, command=command))


def not_utf8(data: bytes) -> str:
    """Return a sentence for lines in a Japanese encoding that are read as they are; empty for others."""
    if data.isascii() and _JIS not in data:
        return ""
    found = _encoding([line for line in data.splitlines() if not _is_utf8(line)][:_SAMPLE_LINES] or [b""])
    if found is None:
        return ""
    command = Code(f"iconv -f {found.upper().replace('_', '-').replace('ISO2022', 'ISO-2022')} -t UTF-8")
    return note("note-encoding-kept", encoding=Resource(_NAMES[found]), command=command)


def _pieces(data: bytes) -> Iterator[bytes]:
    """Yield consecutive parts of about a mebibyte that end at a line feed."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at + _PIECE_BYTES) + 1 or len(data)
        yield data[at:end]
        at = end


def _is_utf8(data: bytes) -> bool:
    if _JIS in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _encoding(lines: list[bytes]) -> str | None:
    """Return the Japanese encoding of lines that are not UTF-8; None if it is none of them."""
    seven_bits = [line for line in lines if _JIS in line]
    if len(seven_bits) >= _READABLE * len(lines):
        readable = [line for line in seven_bits if _read(line, "iso2022_jp") is not None]
        return "iso2022_jp" if len(readable) >= _READABLE * len(lines) else None
    shares = {name: _share(lines, name) for name in ("cp932", "euc_jp")}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _USUAL else None


def _read(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def _share(lines: list[bytes], encoding: str) -> float:
    """Return the share of usual Japanese characters among those that an encoding reads; 0 if it cannot."""
    texts = [text for line in lines if (text := _read(line, encoding)) is not None]
    if len(texts) < _READABLE * len(lines):
        return 0.0
    total = usual = kana = 0
    for text in texts:
        for is_ascii, run in groupby(text, key=str.isascii):
            if is_ascii:
                continue
            characters = list(run)
            total += len(characters)
            if len(characters) > 1:
                usual += sum(map(_is_usual, characters))
                kana += sum("\u3041" <= one <= "\u30fe" for one in characters)
    if not total or (encoding == "euc_jp" and kana < _KANA * total):
        return 0.0
    return usual / total


def _is_usual(character: str) -> bool:
    """Return True for kana, usual kanji, and full-width letters and marks."""
    written = character.encode("cp932", errors="ignore")
    return len(written) == 2 and written[0] <= _LAST_USUAL


def _converted(piece: bytes, encoding: str) -> bytes:
    if _is_utf8(piece):
        return piece
    lines = piece.split(b"\n")
    return b"\n".join(
        line if _is_utf8(line) or (text := _read(line, encoding)) is None else text.encode() for line in lines
    )
