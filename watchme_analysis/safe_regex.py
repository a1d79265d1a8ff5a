"""Regular expressions that evidence, a case or a configuration states, matched in linear time.

Python's engine backtracks, so a pattern such as ``(a+)+$`` takes exponential time on a text of 40 characters.
RE2 takes time in proportion to the text, for any pattern. It has no look-around and no back references. Nginx
(PCRE) and Cloudflare (Rust's engine, which is linear, too) agree with its syntax otherwise.

Entry points: `compiled` for texts, `compiled_bytes` for lines of logs.

Imports: RE2 and the standard library.

Never: sees a pattern of this package; those are compiled by `re`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

# Compiled patterns that are kept; each may take a few megabytes.
_KEPT_PATTERNS = 1024
# Memory of one compiled pattern; RE2 refuses a larger one, such as ((a{1000}){1000}){1000}.
_PATTERN_BYTES = 4 << 20
# The same of a log format, which has a group for each variable.
_FORMAT_BYTES = 64 << 20


class UnsupportedPatternError(ValueError):
    """A pattern is no regular expression, or cannot be matched in linear time; the message says why."""


class Match(Protocol):
    """A match, as those of `re`."""

    def __getitem__(self, group: int | str) -> str | None: ...

    def groups(self) -> tuple[str | None, ...]:
        """Return the texts of all groups."""

    def groupdict(self) -> dict[str, str | None]:
        """Return the texts of the named groups by name."""


class Pattern(Protocol):
    """A compiled pattern, as those of `re`."""

    @property
    def groups(self) -> int:
        """Number of groups."""

    def search(self, text: str) -> Match | None:
        """Return the first match in a text."""


@lru_cache(maxsize=_KEPT_PATTERNS)
def compiled(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Return a compiled pattern of somebody else, in the syntax that Perl, PCRE and RE2 have in common.

    One that is invalid, too large, or has look-around or a back reference is an UnsupportedPatternError.
    """
    import re2

    options: Any = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    try:
        return _Pattern(re2.compile(_encodable(pattern), options))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise UnsupportedPatternError(
            reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        ) from error


class BytesMatch(Protocol):
    """A match in bytes, as those of `re`."""

    def end(self) -> int:
        """Return the end of the match."""

    def groups(self) -> tuple[bytes, ...]:
        """Return the values of all groups, each of which takes part in every match."""


class BytesPattern(Protocol):
    """A compiled pattern of bytes, as those of `re`."""

    def match(self, line: bytes) -> BytesMatch | None:
        """Return the match at the start of a line."""

    def fullmatch(self, line: bytes) -> BytesMatch | None:
        """Return the match of a whole line."""

    def search(self, line: bytes) -> BytesMatch | None:
        """Return the first match in a line."""


@lru_cache(maxsize=_KEPT_PATTERNS)
def compiled_bytes(pattern: bytes) -> BytesPattern:
    """Return a compiled pattern of bytes in the syntax of RE2, in which ``.`` is any byte.

    One that is invalid or too large is an UnsupportedPatternError.
    """
    import re2

    options: Any = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _FORMAT_BYTES
    try:
        found: BytesPattern = re2.compile(pattern, options)
    except re2.error as error:
        raise UnsupportedPatternError(str(error)) from error
    return found


class _Pattern:
    """A pattern of RE2 for texts that may hold bytes which are not UTF-8."""

    def __init__(self, found: Any) -> None:
        self._found = found

    @property
    def groups(self) -> int:
        """Return the number of groups."""
        return int(self._found.groups)

    def search(self, text: str) -> Match | None:
        """Return the first match in a text."""
        match: Match | None = self._found.search(_encodable(text))
        return match


def _encodable(text: str) -> str:
    """Return a text that is valid UTF-8: bytes that were kept as surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
