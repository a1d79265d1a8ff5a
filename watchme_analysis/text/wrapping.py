"""Text broken into lines of a width in columns, of which a wide character, such as Japanese, takes two."""

from __future__ import annotations

import re
import textwrap
from unicodedata import east_asian_width

# Parts of a text between which a line may break: a wide character or a word in katakana with the punctuation
# that closes it, or a word with the space after it. None is parted from the bracket that opens before it, and
# no number from its counter.
_WIDE = "\u2e80-\u30ff\u3100-\u9fff\uff00-\uffef"
_CLOSING = "、。，．）」』】：；？！):;ーぁぃぅぇぉっゃゅょァィゥェォッャュョ〜"
_COUNTED = r"\d[\d,.]* (?:時間|ms|[件回秒分日個行])"
_KATAKANA = "[\u30a1-\u30fa\u30fc]{2,14}"
_PIECES = rf"[「（『【(]*(?:{_COUNTED}|{_KATAKANA}|[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]*\s*|\s+"


def display_width(text: str) -> int:
    """Return the width of a text in terminal columns: two for each wide character, such as Japanese."""
    return len(text) if text.isascii() else len(text) + sum(east_asian_width(one) in "WF" for one in text)


def wrapped(text: str, width: int, indent: str = "", rest: str = "") -> list[str]:
    """Return a text as lines of at most ``width`` columns, broken between words and between wide characters.

    Japanese has no spaces between words; a line may break after each wide character, but not before
    punctuation that closes what stands before it. The first line has ``indent``, and the others ``rest``.
    """
    if text.isascii() or not any(east_asian_width(one) in "WF" for one in text):
        return textwrap.wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=rest,
            break_on_hyphens=False,
            break_long_words=False,
        )
    lines, line, used = [], indent, display_width(indent)
    for piece in re.findall(_PIECES, re.sub(r"\s*\n\s*", " ", text)):
        length = display_width(piece.rstrip())
        if used + length > width and line.strip():
            lines.append(line.rstrip())
            line, used = rest, display_width(rest)
            piece = piece.lstrip()  # noqa: PLW2901  a line does not begin with the space between two words
        line += piece
        used += display_width(piece)
    return [*lines, line.rstrip()]
