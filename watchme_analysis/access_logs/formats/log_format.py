r"""``log_format`` as a plan: literal, variable, literal, variable, ..

A plan says how a line is taken apart; it knows nothing of columns. :meth:`LogFormat.pattern` is the exact and
slow way to use it, and what faster ways are held against.

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
    ELEMENT,
    PATTERNS,
    SURE_PATTERNS,
    TIME_MARKS,
    Variable,
    kind_of,
)
from watchme_analysis.errors import FormatError

Escape = Literal["default", "json", "none", "apache", "kept"]

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_ESCAPES = ("default", "json", "none")
_ESCAPING = ("default", "json", "apache")
# Lines beyond this are matched with values that can't hold spaces, so that no line takes quadratic time.
LONG_LINE = 1 << 16
_EXAMPLE = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'


@dataclass(frozen=True)
class LogFormat:
    """A compiled ``log_format``.

    Attributes
    ----------
    name
        Its name in the configuration.
    text
        The format as written.
    escape
        ``default``, ``json`` or ``none``; ``apache`` for a ``LogFormat`` of Apache; ``kept`` where nothing is
        undone.
    literals
        One more than variables: before the first, between them, after the last.
    variables
        In the order of the line.
    by_keys
        Whether it is the shape of lines that are read by their keys, whose numbers are JSON's.
    """

    name: str
    text: str
    escape: Escape
    literals: tuple[bytes, ...]
    variables: tuple[Variable, ...]
    by_keys: bool = False

    def __hash__(self) -> int:
        # All parts follow from it, and take as long to be hashed as a line to be matched.
        return hash(self.text)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def writes_nothing(self) -> bool:
        """Whether a variable without a value is written as nothing; otherwise as a dash."""
        return self.escape in ("json", "none")

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The line as a regular expression with a group for each variable."""
        return self._compile(rb"[^\"]*?" if self.escape in ("default", "apache") else rb".*?")

    @cached_property
    def narrow_pattern(self) -> re.Pattern[bytes]:
        """As :attr:`pattern`, for lines too long to try where an unquoted text may end."""
        return self._compile(rb"[^\s\"]*")

    @cached_property
    def line_start(self) -> re.Pattern[bytes] | None:
        """What only a line's start looks like; None when no start is telling."""
        parts = [re.escape(self.literals[0])]
        for variable, literal in zip(self.variables[: self._start_size], self.literals[1:], strict=False):
            if variable.kind in SURE_PATTERNS:
                pattern = SURE_PATTERNS[variable.kind]
            else:
                pattern = rb"[^\s\"]+" if variable.kind == "text" else self.value_pattern(variable)
            parts.append(b"(?:" + pattern + b")" + re.escape(literal))
        return re.compile(b"".join(parts)) if self._start_size else None

    @cached_property
    def start_sign(self) -> tuple[int, int, int, int]:
        """What stands in whatever :attr:`line_start` finds: a literal's index, and a byte before the literal.

        The index is -1 when none is telling; the byte is -1 where the literal is enough, else it stands in
        either of two distances.
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
        """How many variables a line's start has, of which the last is telling; 0 when none of three is."""
        for size, (variable, literal) in enumerate(
            zip(self.variables[:3], self.literals[1:], strict=False), 1
        ):
            # An address and a space may be a part of any text, such as the name of a browser.
            if variable.kind in TIME_MARKS or (
                variable.kind in SURE_PATTERNS and (size > 1 or len(literal) > 1)
            ):
                return size
        return 0

    def begins(self, other: LogFormat) -> bool:
        """Tell whether a torn line of another format can look like a line of this one."""
        size = len(self.variables)
        return (
            size < len(other.variables)
            and self.variables == other.variables[:size]
            and self.literals[:-1] == other.literals[:size]
            and other.literals[size].startswith(self.literals[-1])
        )

    def is_bare(self, variable: Variable) -> bool:
        """Tell whether a variable is a number of JSON: never empty, and without a zero before it."""
        return self.by_keys and not variable.quoted

    def match(self, line: bytes) -> tuple[bytes, ...] | None:
        """Return the values of a line, None when the line is not of this format."""
        values = self._values(line)
        return None if values is None or self._holds_another(values) else values

    def is_several(self, line: bytes) -> bool:
        """Tell whether a line would be of this format, did not another begin inside of it."""
        values = self._values(line)
        return values is not None and self._holds_another(values)

    def _values(self, line: bytes) -> tuple[bytes, ...] | None:
        # Far quicker than a pattern to tell that a line is of another format.
        if not line.startswith(self.literals[0]) or not line.endswith(self.literals[-1]):
            return None
        if self._longest_literal not in line or self.is_corrupt(line):
            return None
        is_long = len(line) > LONG_LINE
        if is_long and not self._has_literals(line):
            return None
        found = (self.narrow_pattern if is_long else self.pattern).fullmatch(line)
        return None if found is None else found.groups()

    def _holds_another(self, values: tuple[bytes, ...]) -> bool:
        """Tell whether another line may begin in a text that could hold one."""
        start = self.line_start
        if start is None:
            return False
        some = ((values[at], self.literals[at + 1]) for at in self._unbounded)
        return any(b" " in value and start.search(value + literal) for value, literal in some)

    @cached_property
    def _unbounded(self) -> tuple[int, ...]:
        return tuple(at for at, one in enumerate(self.variables) if at and self.is_unbounded(one))

    def is_unbounded(self, variable: Variable) -> bool:
        """Tell whether a variable's values may hold whatever could end them."""
        return variable.kind == "text" and not (variable.quoted and self.escape != "none")

    def is_corrupt(self, line: bytes) -> bool:
        """Tell whether a line holds NUL bytes, which a crash leaves and the escaping doesn't."""
        return self.escape in _ESCAPING and b"\0" in line

    @cached_property
    def _longest_literal(self) -> bytes:
        return max(self.literals, key=len)

    def _has_literals(self, line: bytes) -> bool:
        """Tell whether the literals stand in a line in order; a pattern takes far longer to miss one."""
        at = 0
        for literal in self.literals:
            at = line.find(literal, at)
            if at < 0:
                return False
            at += len(literal)
        return True

    def _compile(self, free: bytes) -> re.Pattern[bytes]:
        parts = [re.escape(self.literals[0])]
        for variable, literal in zip(self.variables, self.literals[1:], strict=True):
            parts.append(b"(" + self.group_pattern(variable, free) + b")" + re.escape(literal))
        return re.compile(b"".join(parts), re.DOTALL)

    def group_pattern(self, variable: Variable, free: bytes) -> bytes:
        """Return the values of any variable, unquoted texts being ``free``, as a regular expression."""
        return self._text(variable, free) if variable.kind == "text" else self.value_pattern(variable)

    def value_pattern(self, variable: Variable) -> bytes:
        """Return what the values of a variable of any kind but text look like, as a regular expression."""
        if self.is_bare(variable):
            return rb"(?:0|[1-9]\d*)" + (rb"" if variable.kind == "int" else rb"(?:\.\d+)?")
        empty = b"|" if self.writes_nothing else b""
        if variable.name == "server_protocol":
            # Nginx takes spaces at a request line's end for a part of it.
            return PATTERNS["token"] + b" *?"
        if variable.kind == "list":
            name = variable.name.removeprefix("upstream_")
            key = name if name in ELEMENT else "time"
            element = b"(?:" + ELEMENT[key] + b")"
            if key == "addr":
                # A try that got no socket has no address, whatever the escaping: nothing stands there.
                return b"-|" + element + b"??(?:(?:, | : )" + element + b"??)*"
            return b"-|" + element + b"(?:(?:, | : )" + element + b")*(?:, | : )?" + empty
        return PATTERNS[variable.kind] + empty

    def _text(self, variable: Variable, free: bytes) -> bytes:
        if not variable.quoted:
            return free
        # Apache and older tools write \" inside; nginx itself never does.
        return rb".*?" if self.escape == "none" else rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+"


@lru_cache(maxsize=256)
def compile_format(text: str, escape: str = "default", name: str = "") -> LogFormat:
    """Compile a ``log_format``.

    Parameters
    ----------
    text
        The format, its quoted parts joined.
    escape
        The ``escape`` parameter: ``default``, ``json`` or ``none``.
    name
        Name to keep.

    Raises
    ------
    FormatError
        When the format has no variable, two variables without anything between them, or an unknown escape.
    """
    if escape not in _ESCAPES:
        raise FormatError(
            f"The log_format {name or text!r} has escape={escape}: it is default, json or none."
        )
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
    """Make a plan of its parts: literals, one more than variables, and the variables' names.

    Raises
    ------
    FormatError
        When there is no variable, or two variables without anything between them.
    """
    for first, second, literal in zip(names, names[1:], literals[1:], strict=False):
        if not literal:
            raise FormatError(
                f"The log_format {name or text!r} has ${first} and ${second} without anything between "
                "them, so that no reader can tell where one ends: put a space or another mark there."
            )
    if not names:
        raise FormatError(
            f"The log_format {name or text!r} has no variable: give a format such as {_EXAMPLE!r}."
        )
    variables = tuple(map(_variable, names, literals, literals[1:]))
    plain = tuple(literal.encode() for literal in literals)
    return LogFormat(name, text, escape, plain, variables)


def _variable(name: str, before: str, after: str) -> Variable:
    quoted = before.endswith('"') and after.startswith('"')
    kind = kind_of(name)
    # A host, say, may hold what no word does, and where it is enclosed that does no harm.
    return Variable(name, "text" if quoted and kind == "token" else kind, quoted)
