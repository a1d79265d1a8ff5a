"""Flow logs of a VPC: which connections between two hosts were accepted or rejected.

Lines as S3 holds them, with the names of the fields above them, or as CloudWatch Logs shows them, in the
default format of version 2, also behind the time of ``aws logs tail``.

Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import decoded, prefix_size, split_lines
from watchme_analysis.text.message import Count, Resource, value_of
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.values import microseconds, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_TABLE = "network_flows"
_DEFAULT = (  # noqa: SIM905 - a list of fourteen quoted words is harder to read
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
    "action log-status"
).split()
_TEXTS = {
    "interface-id": "interface_id",
    "srcaddr": "source_addr",
    "dstaddr": "target_addr",
    "action": "action",
}
_NUMBERS = {
    "srcport": "source_port",
    "dstport": "target_port",
    "protocol": "protocol",
    "packets": "packets",
    "bytes": "bytes",
}
_TIMES = {"start": "start", "end": "end"}
_NEEDED = {"srcaddr", "dstaddr", "action"}
_RECORD = re.compile(r"\d{1,2} (?:\d{12}|unknown) eni-\w+ \S+ \S+ .*(?:OK|NODATA|SKIPDATA)")
_HEAD_LINES = 20
# Pairs of hosts that a note names.
_NAMED = 3


def _names(line: str) -> list[str] | None:
    """Return the names of the fields, if a line is their header."""
    words = line.split()
    return words if set(words) >= _NEEDED else None


def _text(line: bytes) -> str:
    return decoded(line[prefix_size(line) :])


def looks_like(raw: RawFile) -> bool:
    """Return True when the first lines are records of flows, or name their fields."""
    lines = [text for text in map(_text, split_lines(raw.head())[:_HEAD_LINES]) if text.strip()]
    return bool(lines) and (_names(lines[0]) is not None or any(map(_RECORD.fullmatch, lines)))


def read_flows(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the records of a flow log as ``network_flows``, with notes on rejected connections."""
    account = TextAccounting(raw, "flow_log", _TABLE)
    names = _DEFAULT
    rejected: Counter[tuple[str, str, str]] = Counter()
    for at, line in account.lines_of(raw.content.data):
        text = _text(line)
        header = _names(text)
        if header is not None or not text.strip():
            names = header or names
            account.blank_lines += 1
            continue
        words = text.split()
        if len(words) != len(names):
            reason = note("reject-values", values=value_of(str(len(words))), fields=value_of(str(len(names))))
            account.reject(at, reason, line)
            continue
        given = {name: None if word == "-" else word for name, word in zip(names, words, strict=True)}
        try:
            numbers = {column: whole_number(given.get(name)) for name, column in _NUMBERS.items()}
        except ValueError as error:
            account.reject(at, text_of_error(error), line)
            continue
        texts = {column: given.get(name) for name, column in _TEXTS.items()}
        times = {column: microseconds(given.get(name)) for name, column in _TIMES.items()}
        account.add({"file": raw.relative, "line": at, **times, **texts, **numbers})
        if texts["action"] == "REJECT":
            rejected[str(texts["source_addr"]), str(texts["target_addr"]), str(numbers["target_port"])] += 1
    for (source, target, port), count in rejected.most_common(_NAMED):
        account.notes.append(
            note(
                "note-flows-rejected",
                file=Resource(raw.relative),
                flows=Count(count),
                source=Resource(source),
                target=Resource(f"{target}:{port}"),
            )
        )
    return account.finish(["start", "end"])
