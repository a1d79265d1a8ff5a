"""A received log_format and lines that were made for it take time in proportion to their size."""

from contextlib import suppress
from datetime import UTC
from time import process_time

import pytest

from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.errors import FormatError

# Names of which nothing is known, so that their values are any text.
TEXTS = "${http_a}x${http_b}x${http_c}x${http_d}yyq${http_e}!END"
TOKENS = "${host}x${scheme}x${pipe}x$hostname !END"
NUMBERS = "${status}1${body_bytes_sent}1${bytes_sent}1$request_length !END"
TIMED = "$http_a [$time_local] $http_b !END"
END = "!END"


def seconds(text, escape, line):
    """Return the CPU time in seconds to read a line, the best of five."""
    spent = []
    for _ in range(5):
        parser = ReferenceParser([compile_format(text, escape)], UTC)
        with suppress(ValueError):
            parser.row(b"a" + END.encode())
        begun = process_time()
        with suppress(ValueError):
            parser.row(line)
        spent.append(process_time() - begun)
    return min(spent)


@pytest.mark.parametrize(
    ("text", "escape", "size", "before", "unit", "behind"),
    [
        (TEXTS, "default", 250, b"", b"x", b"z"),
        (TEXTS, "none", 250, b"", b"x", b"z"),
        (TEXTS, "json", 250, b"", b"x", b"z"),
        (TOKENS, "default", 250, b"", b"x", b"z z "),
        (NUMBERS, "default", 250, b"", b"1", b" z "),
        # Longer lines are read without spaces in their values.
        (TEXTS, "default", 70_000, b"", b"x", b" yyq"),
        # The start of another line is looked for in each text.
        (TIMED, "default", 8000, b"a [10/Dec/2025:10:00:00 +0000] ", b"b", b" b "),
    ],
)
def test_time_of_hostile_line_is_linear(text, escape, size, before, unit, behind):
    small, large = (before + unit * length + behind + END.encode() for length in (size, 8 * size))
    assert seconds(text, escape, large) < 16 * max(seconds(text, escape, small), 2e-4)


@pytest.mark.parametrize(
    ("variable", "value"), [("$remote_addr", b"a.b "), ("$upstream_status", b"- "), ("$upstream_addr", b"- ")]
)
def test_time_of_hostile_format_is_linear(variable, value):
    def spent(count):
        line = value * (count - 1) + b'" ' + END.encode()
        return seconds(f"{variable} " * count + END, "default", line)

    assert spent(64) < 16 * max(spent(8), 2e-4)


def test_oversized_format_is_refused_in_a_sentence():
    log_format = compile_format("$remote_addr " * 20_000 + END)
    with pytest.raises(FormatError, match="too large") as refused:
        log_format.match(b"192.0.2.1 " * 20_000 + END.encode())
    assert len(str(refused.value)) < 500
