"""The plan that most lines of a sample are of."""

from __future__ import annotations

from collections import Counter

from watchme_analysis.sources.access.line_reader import LineReader
from watchme_analysis.sources.formats.json_shape import shape_of
from watchme_analysis.sources.formats.load_balancer_lines import TYPES
from watchme_analysis.sources.formats.load_balancer_plan import load_balancer_plan
from watchme_analysis.sources.formats.nginx_format import LogFormat

# Lines of no format begin so whose plan can be told by one of them.
_SHAPED = (b"{", *TYPES)


def likely_plan(size: int, reader: LineReader) -> LogFormat | None:
    """Return the plan that most lines of a sample are of, None for lines that only the exact way reads.

    Parameters
    ----------
    size
        How many lines the sample has.
    reader
        One that has looked at it.
    """
    if reader.fields is not None:
        return None
    shaped = [line for line in reader.others if line.startswith(_SHAPED)]
    if 2 * len(shaped) > size:
        plans = Counter(_plan_of(line, reader) for line in shaped)
        plan = plans.most_common(1)[0][0]
        if plan is not None:
            return plan
    return reader.formats[0] if len(reader.others) < size else None


def _plan_of(line: bytes, reader: LineReader) -> LogFormat | None:
    return shape_of(line, reader.keys) if line.startswith(b"{") else load_balancer_plan(line)
