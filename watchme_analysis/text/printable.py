r"""Characters that a terminal interprets or hides, as escapes such as ``\x1b``."""

from __future__ import annotations

from unicodedata import category

# Unicode categories: control, format (bidirectional and invisible), surrogate, line and paragraph separator.
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Line breaks and tabs, and zero width (non-)joiner, which Persian, Hindi and emoji need.
_KEPT = "\n\t\u200c\u200d"


class _Escapes(dict[int, str]):
    """Output text by code point; filled as characters occur."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __missing__(self, number: int) -> str:
        character = chr(number)
        hidden = character not in _KEPT and category(character) in _ESCAPED
        self[number] = self._code(number) if hidden else character
        return self[number]

    def _code(self, number: int) -> str:
        if not self._json:
            width, letter = (2, "x") if number < 256 else (4, "u") if number < 65536 else (8, "U")
            return f"\\{letter}{number:0{width}x}"
        units = chr(number).encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


_TEXT = _Escapes(json=False)
JSON_ESCAPES = _Escapes(json=True)


def printable(text: str) -> str:
    r"""Return a text with characters that a terminal interprets or hides as escapes, such as ``\x1b``."""
    return text.translate(_TEXT)
