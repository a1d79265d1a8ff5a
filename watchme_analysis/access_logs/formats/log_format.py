r"""``log_format`` as a plan: literal, variable, literal, variable, ..

A plan describes the parts of a line, independent of columns. :meth:`LogFormat.pattern` is its exact but slow
use, with which its faster uses are compared.

Source: https://nginx.org/en/docs/http/ngx_http_log_module.html, and ngx_http_log_escape in its source: with
the default escaping a value never holds a quotation mark, a backslash other than that of ``\xXX``, or bytes
below 0x20 or above 0x7e.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from watchme_analysis.access_logs.formats.log_variables import (
    APACHE_HOST,
    ELEMENT,
    PATTERNS,
    SURE_PATTERNS,
    TIME_MARKS,
    Variable,
    kind_of,
)
from watchme_analysis.errors import FormatError
from watchme_analysis.safe_regex import BytesPattern, UnsupportedPatternError, compiled_bytes
from watchme_analysis.text.render import error_message

Escape = Literal["default", "json", "none", "apache", "kept"]

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_ESCAPES = ("default", "json", "none")
_ESCAPING = ("default", "json", "apache")
# Longer lines are left to the exact pattern, after a look for the literals.
LONG_LINE = 1 << 16
# Characters of a format in an error.
_QUOTED = 100
# Texts of a missing value.
_MISSING = ("", "-")
# Beginnings of request lines, and of targets and missing values.
_BEGINS = {"request": "(?!/|https?://)", "request_uri": '(?=/|https?://|-?")'}
# Characters that are in no address of an upstream; empty at the end of the line.
_ADDRESS_ENDS = ("", "\t", " ", ",", '"')
_EXAMPLE = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'


@dataclass(frozen=True)
class LogFormat:
    """A compiled ``log_format``.

    - ``name``: its name in the configuration.
    - ``text``: the format as written.
    - ``escape``: ``default``, ``json`` or ``none``; ``apache`` for a ``LogFormat`` of Apache; ``kept`` to
      decode no escapes.
    - ``literals``: one more than variables: before the first, between them, and after the last.
    - ``variables``: variables in the order of the line.
    - ``by_keys``: true for a plan derived from a JSON line that is parsed by its keys, with numbers as in
      JSON.
    - ``display_name``: its name in notes with further fields of its lines, such as those without a name;
      empty without any.
    - ``known``: known format that its lines begin as and go on behind; None if it is a known one itself.
    """

    name: str
    text: str
    escape: Escape
    literals: tuple[bytes, ...]
    variables: tuple[Variable, ...]
    by_keys: bool = False
    display_name: str = ""
    known: LogFormat | None = None

    @property
    def label(self) -> str:
        """Its name, or its text if it has none."""
        return self.name or self.text

    @property
    def described(self) -> str:
        """Its name in notes."""
        return self.display_name or self.label

    def __hash__(self) -> int:
        # All other parts follow from it, and hashing them takes as long as matching a line.
        return hash(self.text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def writes_nothing(self) -> bool:
        """Return whether a variable without a value is written as an empty text; otherwise as a dash."""
        return self.escape in ("json", "none")

    @cached_property
    def expression(self) -> bytes:
        """Regular expression of a line with a group for each variable, where ``.`` is any byte."""
        free = rb"[^\"]*?" if self.escape in ("default", "apache") else rb".*?"
        parts = [re.escape(self.literals[0])]
        for variable, literal in zip(self.variables, self.literals[1:], strict=True):
            parts.append(b"(" + self.group_pattern(variable, free) + b")" + re.escape(literal))
        return b"".join(parts)

    @cached_property
    def pattern(self) -> BytesPattern:
        """Compiled :attr:`expression`."""
        return self._compile(self.expression)

    def followed_by(self, further: bytes) -> BytesPattern:
        """Return :attr:`pattern` with a further expression behind it."""
        return self._compile(self.expression + further)

    @cached_property
    def line_start(self) -> BytesPattern | None:
        """Regular expression that matches only at a line's start; None if no start is distinctive."""
        parts = [re.escape(self.literals[0])]
        for variable, literal in zip(self.variables[: self._start_size], self.literals[1:], strict=False):
            if variable.kind in SURE_PATTERNS:
                pattern = SURE_PATTERNS[variable.kind]
            else:
                pattern = rb"[^\t-\r \"]+" if variable.kind == "text" else self.value_pattern(variable)
            parts.append(b"(?:" + pattern + b")" + re.escape(literal))
        return self._compile(b"".join(parts)) if self._start_size else None

    @cached_property
    def start_sign(self) -> tuple[int, int, int, int]:
        """A sign in every match of :attr:`line_start`: index of a literal, a byte before it, two distances.

        The index is -1 if no literal is distinctive. The byte is -1 if the literal is sufficient; otherwise
        it is at one of the two distances before it.
        """
        known = self.literals[: self._start_size + 1]
        longest = known.index(max(known, key=len)) if self._start_size else -1
        if len(known[longest]) < 2:
            for at, variable in enumerate(self.variables[: self._start_size], 1):
                if variable.kind in TIME_MARKS and known[at]:
                    return at, *TIME_MARKS[variable.kind]
        return longest, -1, 0, 0

    @cached_property
    def _start_size(self) -> int:
        """Number of variables in a line's start, of which the last is distinctive; 0 if none of three is."""
        for size, (variable, literal) in enumerate(
            zip(self.variables[:3], self.literals[1:], strict=False), 1
        ):
            # An address and a space may be a part of any text, such as the name of a browser.
            if variable.kind in TIME_MARKS or (
                variable.kind in SURE_PATTERNS and (size > 1 or len(literal) > 1)
            ):
                return size
        return 0

    def is_bare(self, variable: Variable) -> bool:
        """Return whether a variable is a JSON number: never empty, and without a leading zero."""
        return self.by_keys and not variable.quoted

    def match(self, line: bytes) -> tuple[bytes, ...] | None:
        """Return the values of a line, None when the line is not of this format."""
        values = self._values(line)
        return None if values is None or self._holds_another(values) else values

    def fits(self, line: bytes) -> bool:
        """Return whether a line is of this format."""
        # The plain pattern decides nearly every line, so that the exact one is rarely compiled.
        return self.may_match(line) and (self.plain_values(line) is not None or self.match(line) is not None)

    def is_several(self, line: bytes) -> bool:
        """Return whether a line would match this format if no other line began inside of it."""
        values = self._values(line)
        return values is not None and self._holds_another(values)

    def may_match(self, line: bytes) -> bool:
        """Return whether a line holds some of the literals, which a pattern takes much longer to find out."""
        literals = self.literals
        return line.startswith(literals[0]) and line.endswith(literals[-1]) and self._longest_literal in line

    def _values(self, line: bytes) -> tuple[bytes, ...] | None:
        if not self.may_match(line) or self.is_corrupt(line):
            return None
        if len(line) > LONG_LINE and not self.has_literals(line):
            return None
        found = self.pattern.fullmatch(line)
        return None if found is None else found.groups()

    @cached_property
    def plain_pattern(self) -> re.Pattern[str] | None:
        """Regular expression of most lines for Python's engine, which matches them several times faster.

        It matches a line as :attr:`pattern` does, or not at all: no value holds the first character of the
        literal behind it, so that there is one way to match, in time that is linear in the line. None for
        the few formats without such values.
        """
        try:
            literals = [literal.decode() for literal in self.literals]
        except UnicodeDecodeError:
            return None
        parts = [re.escape(literals[0])]
        for variable, literal in zip(self.variables, literals[1:], strict=True):
            value = self._plain_value(variable, literal[:1])
            if value is None:
                return None
            parts.append(f"((?>{value}))" + re.escape(literal))
        return (
            re.compile("".join(parts), re.DOTALL | re.ASCII)
            if len(set(self.names)) == len(parts) - 1
            else None
        )

    def _plain_value(self, variable: Variable, end: str) -> str | None:
        """Return a regular expression for values of a variable without the character that ends them."""
        if variable.kind == "text" and variable.quoted and self.escape != "none":
            # In JSON that is parsed by its keys, a request may be a target in any line.
            begins = _BEGINS.get(variable.name, "") if self.by_keys else ""
            return begins + self._text(variable, b"").decode()
        if variable.kind == "text":
            is_free = variable.quoted or self.escape not in ("default", "apache")
            return f"[^\n{re.escape(end)}]*" if is_free else f'[^\n"{re.escape(end)}]*'
        if variable.kind == "token" and not self.is_bare(variable):
            # A host of Apache ends before its port.
            return f'[^\t-\r "{":" if self.escape == "apache" else ""}{re.escape(end)}]*'
        if variable.name == "upstream_addr":
            element = '[^\t-\r ,"]+'
            # The address of a try without a socket is empty.
            return f"(?:-|{element}(?:(?:, | : ){element})*)(?!, | : )" if end in _ADDRESS_ENDS else None
        return self.value_pattern(variable).decode()

    def plain_values(self, line: bytes) -> tuple[str | None, ...] | None:
        """Return the values of a line, missing values None; None for a line to match with :meth:`match`."""
        pattern = self.plain_pattern
        if pattern is None or len(line) > LONG_LINE:
            return None
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return None
        found = pattern.fullmatch(text)
        # A line that matches a format may be blank all the same.
        if found is None or "\0" in text or not text.strip() or (self.escape == "json" and "\\" in text):
            return None
        values = found.groups()
        # A text that can hold its own delimiter may hold another line.
        if any(" " in values[at] for at in self._unbounded) and self._holds_another(
            tuple(value.encode() for value in values)
        ):
            return None
        return tuple([None if value in _MISSING else value for value in values])

    def _holds_another(self, values: tuple[bytes, ...]) -> bool:
        """Return whether another line may begin in a text that could contain it."""
        start = self.line_start
        if start is None:
            return False
        some = ((values[at], self.literals[at + 1]) for at in self._unbounded)
        return any(b" " in value and start.search(value + literal) for value, literal in some)

    @cached_property
    def _unbounded(self) -> tuple[int, ...]:
        return tuple(at for at, one in enumerate(self.variables) if at and self.is_unbounded(one))

    def is_unbounded(self, variable: Variable) -> bool:
        """Return whether a variable's values may contain their own delimiter."""
        is_enclosed = variable.quoted and self.escape != "none"
        return variable.kind == "rest" or (variable.kind == "text" and not is_enclosed)

    def is_corrupt(self, line: bytes) -> bool:
        """Return whether a line holds NUL bytes, which a crash leaves and the escaping excludes."""
        return self.escape in _ESCAPING and b"\0" in line

    @cached_property
    def _longest_literal(self) -> bytes:
        return max(self.literals, key=len)

    def has_literals(self, line: bytes) -> bool:
        """Return whether the literals occur in order, since a pattern takes much longer to fail."""
        at = 0
        for literal in self.literals:
            at = line.find(literal, at)
            if at < 0:
                return False
            at += len(literal)
        return True

    def _compile(self, expression: bytes) -> BytesPattern:
        """Return a regular expression whose time is linear in a line, since formats and lines are received.

        RE2 has no possessive quantifiers and needs none; in the expression, they end before a quotation mark
        that no repetition takes.
        """
        try:
            return compiled_bytes(expression.replace(b"*+", b"*"))
        except UnsupportedPatternError as error:
            raise FormatError(
                error_message("error-log-format-large", format=repr(self.label[:_QUOTED]))
            ) from error

    def group_pattern(self, variable: Variable, free: bytes) -> bytes:
        """Return a regular expression for the values of any variable, with ``free`` for unquoted texts."""
        return self._text(variable, free) if variable.kind == "text" else self.value_pattern(variable)

    def value_pattern(self, variable: Variable) -> bytes:
        """Return a regular expression for the values of a variable of any kind but text."""
        if self.is_bare(variable):
            return rb"(?:0|[1-9]\d*)" + (rb"" if variable.kind == "int" else rb"(?:\.\d+)?")
        empty = b"|" if self.writes_nothing else b""
        if variable.name == "server_protocol":
            # Nginx includes spaces at the end of a request line.
            return PATTERNS["token"] + b" *?"
        if self.escape == "apache" and variable.name in ("host", "server_name"):
            return APACHE_HOST
        if variable.kind == "list":
            name = variable.name.removeprefix("upstream_")
            key = name if name in ELEMENT else "time"
            element = b"(?:" + ELEMENT[key] + b")"
            if key == "addr":
                # A try without a socket has an empty address, with any escaping.
                return b"-|" + element + b"??(?:(?:, | : )" + element + b"??)*"
            return b"-|" + element + b"(?:(?:, | : )" + element + b")*(?:, | : )?" + empty
        return PATTERNS[variable.kind] + empty

    def _text(self, variable: Variable, free: bytes) -> bytes:
        if not variable.quoted:
            return free
        # Apache and older tools write \" inside of texts; nginx does not.
        return rb".*?" if self.escape == "none" else rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+"


@lru_cache(maxsize=256)
def compile_format(text: str, escape: str = "default", name: str = "") -> LogFormat:
    """Return a compiled ``log_format``.

    ``text``: the format, its quoted parts joined; ``escape``: the ``escape`` parameter: ``default``, ``json``
    or ``none``; ``name``: name of the format. Raises FormatError if the format has no variable, two variables
    without a separator, or an unknown escape.
    """
    if escape not in _ESCAPES:
        raise FormatError(error_message("error-log-format-escape", format=repr(name or text), escape=escape))
    literals: list[str] = []
    names: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        literals.append(text[at : found.start()])
        names.append(found["braced"] or found["bare"])
        at = found.end()
    literals.append(text[at:])
    return assemble(name, text, escape, literals, names)  # type: ignore[arg-type]


def assemble(name: str, text: str, escape: Escape, literals: list[str], names: list[str]) -> LogFormat:
    """Return a plan from its parts: literals, one more than variables, and the variables' names.

    Raises FormatError if there is no variable, or two variables have no separator.
    """
    for first, second, literal in zip(names, names[1:], literals[1:], strict=False):
        if not literal:
            raise FormatError(
                error_message(
                    "error-log-format-adjacent", format=repr(name or text), first=first, second=second
                )
            )
    if not names:
        raise FormatError(
            error_message("error-log-format-empty", format=repr(name or text), example=repr(_EXAMPLE))
        )
    variables = tuple(map(_variable, names, literals, literals[1:]))
    plain = tuple(literal.encode() for literal in literals)
    return LogFormat(name, text, escape, plain, variables)


def _variable(name: str, before: str, after: str) -> Variable:
    quoted = before.endswith('"') and after.startswith('"')
    kind = kind_of(name)
    # Some values, such as a host, may contain other characters, which is harmless if they are enclosed.
    return Variable(name, "text" if quoted and kind == "token" else kind, quoted)
