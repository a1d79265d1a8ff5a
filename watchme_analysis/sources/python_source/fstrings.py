"""Formatted strings of Python 3.12 in the words of older ones.

Since PEP 701 the expressions in a formatted string may hold its own quotes, backslashes and line breaks.
"""

from __future__ import annotations

import ast
import re

_STRING = re.compile(rb"#[^\n]*|(?<!\w)(?P<prefix>[A-Za-z]{0,2})(?P<quote>'''|\"\"\"|'|\")")


def older_fstrings(data: bytes) -> bytes:
    """Return source in which an empty string stands for each formatted one that can't be read, line by line.

    What its expressions call is lost, and the rest of the file is not.
    """
    kept, at = [], 0
    while found := _STRING.search(data, at):
        kept.append(data[at : found.start()])
        at = _end(data, found)
        text = data[found.start() : at]
        if found["quote"] is not None and b"f" in found["prefix"].lower() and not _is_read(text):
            lines = text.count(b"\n")
            text = b'"""' + b"\n" * lines + b'"""' if lines else b'""'
        kept.append(text)
    return b"".join([*kept, data[at:]])


def _is_read(text: bytes) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _end(data: bytes, found: re.Match[bytes]) -> int:
    """Return the place after the comment or string that begins at a match; that of the source where none."""
    quote = found["quote"]
    if quote is None:
        return found.end()
    at, depth = found.end(), 0
    is_formatted = b"f" in found["prefix"].lower()
    while at < len(data):
        if depth:
            nested = _STRING.match(data, at)
            if nested is not None and nested["quote"] is not None:
                at = _end(data, nested)
                continue
        elif data.startswith(quote, at):
            return at + len(quote)
        elif data[at] == ord("\\") or (is_formatted and data.startswith((b"{{", b"}}"), at)):
            at += 2
            continue
        if is_formatted:
            depth = max(depth + (data[at] == ord("{")) - (data[at] == ord("}")), 0)
        at += 1
    return len(data)
