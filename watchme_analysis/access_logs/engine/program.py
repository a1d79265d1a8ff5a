"""A log format as input of the compiled loop: the variables of each column, and the values to store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.formats.column_sources import (
    QUERIES,
    TARGETS,
    UPSTREAM,
    ColumnSources,
    column_sources,
)
from watchme_analysis.access_logs.formats.log_format import LONG_LINE, LogFormat
from watchme_analysis.access_logs.formats.log_variables import Variable

if TYPE_CHECKING:
    import numpy as np

# The parts of a request line, and its whole text if it is not a request line.
REQUEST_COLUMNS = ("method", "path", "query", "protocol", "request")


@dataclass
class Program:
    """The values that the compiled loop stores for a format, and the columns that they fill.

    - ``texts``: variables that fill each text column, in order of preference.
    - ``wholes``: variables that fill each whole-number column, in order of preference.
    - ``decimals``: variable that fills each decimal column.
    - ``further``: variables in ``extra``, sorted.
    - ``spans``, ``ints``, ``floats``, ``lists``: slot of each variable. For an upstream variable, that of its
      last try is in ``spans`` and that of all tries in ``lists``.
    - ``request_slot``: first of the five spans of the request; -1 if no request is needed.
    """

    log_format: LogFormat
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wholes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    decimals: dict[str, str] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    spans: dict[str, int] = field(default_factory=dict)
    ints: dict[str, int] = field(default_factory=dict)
    floats: dict[str, int] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    request_slot: int = -1
    span_count: int = 0

    @cached_property
    def sources(self) -> ColumnSources:
        """The variables that fill each column."""
        return column_sources(self.log_format.names)

    @cached_property
    def kernel_plan(self) -> tuple[Any, ...]:
        """Literals, their bounds and first bytes, kinds and slots in the layout of the loop."""
        import numpy as np

        from watchme_analysis.access_logs.engine.compiled_loops import WORD

        literals = self.log_format.literals
        bounds = np.cumsum([0, *map(len, literals)]).astype(np.int64)
        joined: np.ndarray[Any, Any] = np.frombuffer(b"".join(literals), np.uint8)
        names = self.log_format.names

        def slots(of: dict[str, int]) -> Any:
            return np.array([of.get(name, -1) for name in names], np.int64)

        firsts = [literal[:WORD].ljust(WORD, b"\0") for literal in literals]
        words: np.ndarray[Any, Any] = np.frombuffer(b"".join(firsts), np.int64)
        counted = [(b"\xff" * min(WORD, len(literal))).ljust(WORD, b"\0") for literal in literals]
        masks: np.ndarray[Any, Any] = np.frombuffer(b"".join(counted), np.int64)
        variables = self.log_format.variables
        kinds, roles = (np.array([*map(of, variables)], np.int64) for of in (self._kind, self._role))
        bare = np.array([self.log_format.is_bare(variable) for variable in variables], bool)
        given = map(slots, (self.spans, self.ints, self.floats, self.lists))
        return joined, bounds, words, masks, kinds, roles, bare, *given

    @cached_property
    def limits(self) -> tuple[bool, int, int, bool, int, int, int, int]:
        """The loop's fourth argument."""
        if self.sources.request == "request":
            is_alone = not self.sources.repeats_request
        else:
            is_alone = len(self.sources.present((*TARGETS, *QUERIES))) == 1
        writes_nothing, sign = self.log_format.writes_nothing, self.log_format.start_sign
        return writes_nothing, LONG_LINE, self.request_slot, is_alone, *sign

    def _role(self, variable: Variable) -> int:
        from watchme_analysis.access_logs.engine import compiled_loops as loops

        if variable.name != self.sources.request:
            return 0
        return loops.REQUEST if variable.name == "request" else loops.TARGET

    def _kind(self, variable: Variable) -> int:
        from watchme_analysis.access_logs.engine import compiled_loops as loops

        if variable.kind == "list":
            lists = {"upstream_status": loops.LIST_STATUS, "upstream_addr": loops.LIST_ADDRESS}
            return lists.get(variable.name, loops.LIST_TIME)
        if variable.kind == "text":
            if not variable.quoted:
                return loops.TEXT
            return loops.UNESCAPED if self.log_format.escape == "none" else loops.QUOTED
        return {
            "int": loops.INT,
            "decimal": loops.DECIMAL,
            "msec": loops.MSEC,
            "time_local": loops.TIME_LOCAL,
            "time_iso8601": loops.TIME_ISO,
            "address": loops.ADDRESS,
            "token": loops.TOKEN,
        }[variable.kind]


def compile_program(log_format: LogFormat, columns: Iterable[str]) -> Program | None:
    """Return the program for columns, None when only the reference parser can parse the format.

    ``columns``: needed columns of ``access_log``.
    """
    if not _is_plain(log_format):
        return None
    wanted = set(columns)
    program = Program(log_format)
    sources = program.sources
    # Only a request line fills these columns.
    parts: dict[str, tuple[str, ...]] = {"method": (), "protocol": (), "query": ()}
    if sources.request != "request":
        parts = {
            "method": sources.present(("request_method",)),
            "protocol": sources.present(("server_protocol",)),
            "query": sources.present(QUERIES)[:1],
        }
    program.texts = {**sources.texts, "upstream_addr": sources.present(("upstream_addr",)), **parts}
    program.wholes = {**sources.integers, "upstream_status": sources.present(("upstream_status",))}
    if sources.times:
        program.wholes["time"] = sources.times[:1]
    program.decimals = dict(sources.upstream_times)
    if sources.duration is not None:
        program.decimals["request_time_s"] = sources.duration
    program.further = tuple(sorted(sources.further)) if "extra" in wanted else ()
    _assign_slots(program, wanted)
    return program


def _loop_finds_end(variable: Variable, literal: bytes) -> bool:
    """Return whether the compiled loop finds a value's end where the reference parser does."""
    # The literal after a list may look like the separator of its items.
    if variable.kind == "list" and (variable.name not in UPSTREAM or literal.startswith((b",", b" :"))):
        return False
    if variable.kind == "address" and (literal[:1].isalnum() or literal.startswith((b".", b":", b"_", b"%"))):
        return False
    # If a dash ends a value, it cannot represent a missing value.
    return not literal.startswith(b"-")


def _is_plain(log_format: LogFormat) -> bool:
    """Return whether the loop parses every line of the format as the reference parser does."""
    names, variables, literals = log_format.names, log_format.variables, log_format.literals
    # A blank line is not a request, even if the format matches it.
    telling = any(literal.strip() for literal in literals)
    if not log_format.writes_nothing:
        telling |= any(one.kind not in ("text", "token") for one in variables)
    if not telling or not all(map(_loop_finds_end, variables, literals[1:])):
        return False
    if len(set(names)) < len(names) or not all(literal.isascii() for literal in literals):
        return False
    if sum(name in names for name in QUERIES) > 1 or variables[-1].kind == "rest":
        return False
    # Each time format that Apache can be configured to write has its own shape.
    return "time_text" not in names or log_format.escape != "apache"


def _assign_slots(program: Program, wanted: set[str]) -> None:
    compares = "extra" in wanted and (program.sources.repeats_request or bool(program.texts["query"]))
    # Without a target, the loop would leave these spans unchanged.
    if program.sources.request is not None and (compares or wanted & set(REQUEST_COLUMNS)):
        program.request_slot = 0
        program.span_count = len(REQUEST_COLUMNS)
    textual = [name for column, names in program.texts.items() if column in wanted for name in names]
    textual += program.further
    if "extra" in wanted:
        # The content of `extra` is determined by a comparison with the selected values.
        several = (*program.texts.values(), *program.wholes.values())
        textual += [name for names in several if len(names) > 1 for name in names]
        textual += program.texts["query"]
    for name in dict.fromkeys(textual):
        program.spans[name] = program.span_count
        program.span_count += 1
    for name in sorted(UPSTREAM) if "upstream_raw" in wanted else ():
        if name in program.log_format.names:
            program.lists[name] = program.span_count
            program.span_count += 1
    # The first whole number of each line is the number of tries.
    for column, names in program.wholes.items():
        for name in names if column in wanted else ():
            program.ints.setdefault(name, len(program.ints) + 1)
    if "time_text" in program.log_format.names:
        # The loop finds the text, which is checked afterwards.
        program.spans["time_text"] = program.span_count
        program.span_count += 1
        program.ints.setdefault("time_text", len(program.ints) + 1)
    for column, name in program.decimals.items():
        if column in wanted:
            program.floats[name] = len(program.floats)
