"""Lines of an Application Load Balancer in whole columns: the plan of lines with the fields that one has.

What :func:`load_balancer_values` works out line by line is worked out here for a chunk, of lines whose times
and addresses are written as documented; the others are left to it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from watchme_analysis.sources.access.times import moments_of
from watchme_analysis.sources.formats.derived_format import Derivation, DerivedFormat, Texts
from watchme_analysis.sources.formats.load_balancer_lines import (
    AUTHORITY,
    NAME,
    NAMES,
    PARTS,
    TYPES,
    fields_of,
)
from watchme_analysis.sources.formats.nginx_format import Variable, kind_of

if TYPE_CHECKING:
    import pyarrow as pa

# From here on lines say when a request came, which they have since 2018.
_LEAST = NAMES.index("request_creation_time") + 1
_TYPE = rf"\A(?:{'|'.join(one.decode().strip() for one in TYPES)})\z"
_SECONDS = r"\A[0-9]{1,6}(?:\.[0-9]{1,6})?\z"
# An address of IPv6 has brackets before a port.
_CLIENT = r"\A(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]+)):[0-9]+\z"
_HOST = rf"\A{AUTHORITY.pattern.replace('(', '(?P<host>', 1)}"


def load_balancer_plan(line: bytes) -> DerivedFormat | None:
    """Return the plan of lines with the fields that a line has, None for what only the exact way reads."""
    fields = fields_of(line)
    if fields is None or not _LEAST <= len(fields) <= len(NAMES):
        return None
    marks = ['"' if field.startswith('"') else "" for field in fields]
    literals = [f"{before} {after}" for before, after in pairwise(marks)]
    variables = tuple(_variable(name, mark) for name, mark in zip(NAMES, marks, strict=False))
    plain = tuple(literal.encode() for literal in (marks[0], *literals, marks[-1]))
    return DerivedFormat(NAME, NAME, "kept", plain, variables, derivation=_DERIVATION)


def _variable(name: str, mark: str) -> Variable:
    if name == "time_iso8601":
        return Variable("time_text", "text", quoted=False)
    kind = kind_of(name)
    # What nothing encloses has no spaces.
    return Variable(name, "token" if kind == "text" and not mark else kind, bool(mark))


def _derived(texts: Texts) -> tuple[dict[str, Any], pa.Array]:
    import pyarrow.compute as pc

    parts = [texts(name) for name in PARTS]
    client, target = texts("client"), texts("target")
    fit = [pc.match_substring_regex(part, _SECONDS) for part in parts]
    whole = [_microseconds(pc.if_else(fits, part, None)) for fits, part in zip(fit, parts, strict=True)]
    # Where no target answered: from when it came until it was answered.
    created = texts("request_creation_time")
    waited = pc.subtract(moments_of(texts("time_text")), moments_of(created))
    waited = pc.if_else(pc.greater_equal(waited, 0), waited, None)
    taken = pc.coalesce(pc.add(pc.add(whole[0], whole[1]), whole[2]), waited)
    asked = pc.extract_regex(texts("request"), _HOST)
    made = {
        "remote_addr": pc.replace_substring_regex(client, _CLIENT, r"\1\2"),
        "upstream_addr": target,
        "host": pc.coalesce(texts("domain_name"), pc.struct_field(asked, "host")),
        "request_time": pc.divide(taken.cast("float64"), 1e6),
        "upstream_response_time": parts[1],
    }
    sure = pc.fill_null(pc.match_substring_regex(texts("type"), _TYPE), False)
    # A time that isn't there, or of another shape, may be one to the exact way.
    sure = pc.and_(sure, pc.or_(pc.is_valid(taken), pc.is_null(created)))
    doubtless = (*fit, pc.match_substring_regex(client, _CLIENT), pc.invert(pc.match_substring(target, ",")))
    for one in doubtless:
        sure = pc.and_(sure, pc.fill_null(one, True))
    return made, sure


def _microseconds(seconds: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.round(pc.multiply(seconds.cast("float64"), 1e6)).cast("int64")


_DERIVATION = Derivation(
    used_up=frozenset(("client", "target", "domain_name", *PARTS)),
    # What was not sent anywhere has times of -1.
    nothing=b"-1",
    made=("remote_addr", "upstream_addr", "host", "request_time", "upstream_response_time"),
    make=_derived,
)
