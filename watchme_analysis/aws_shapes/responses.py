"""The delay after which CloudWatch data counts as settled.

What the readers of AWS's JSON answers share: documents, times, numbers, pieces.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import PurePath
from typing import Any, NamedTuple

from watchme_analysis.files.evidence_file import RawFile, TablePart, load_json
from watchme_analysis.files.json_values import DEEPEST, read_json, shallow
from watchme_analysis.files.lines import TEXT_LIMIT
from watchme_analysis.files.storable_values import escape_surrogates, frame_of_rows
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import DTYPES, conform, table_schema
from watchme_analysis.text.formats import counted

# Points, events and entries of a window may still be on their way for so long after its end.
SETTLED_AFTER = timedelta(minutes=15)


_MOST_DIGITS = 1000
# What an answer says of itself, also where it has nothing to list.
_ABOUT_ANSWERS = frozenset({"ResponseMetadata", "NextToken", "NextMarker"})


class Documents(NamedTuple):
    """JSON documents of a file, one after the other, and what is wrong with the file."""

    values: list[Any]
    problems: list[str]


def documents(raw: RawFile) -> Documents:
    """Return the JSON documents of a file; none for an empty one, as the AWS CLI prints for no answer.

    Several documents in a row (batches appended to one file) are all read; a torn one gives its whole
    part.
    """
    content = raw.content
    problems = [content.problem] if content.problem else []
    text = content.data.decode("utf-8-sig", errors="replace")
    decoder = json.JSONDecoder()
    values: list[Any] = []
    at = _skip_blank(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            text, count = shallow(text[at:])
            at = 0
            raw.remarks.append(
                f"{raw.relative}: {counted(count, 'value')} more than {DEEPEST} levels deep kept as text."
            )
            continue
        except ValueError:
            value, problem = load_json(text[at:].encode())
            problems.append(problem or "JSON is damaged")
            if value is not None:
                values.append(value)
            break
        values.append(value)
        at = _skip_blank(text, at)
    return Documents(values, problems)


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n\0":
        at += 1
    return at


def listed(values: Iterable[Any], key: str, own: str | None = None) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the objects under a key of documents, or of documents listed in one, and what is none.

    An object that has the key ``own`` and not the other is one of them: ``--query`` leaves out the rest.
    """
    found, odd = listed_under(values, {key: own})
    return found[key], odd


def listed_under(
    values: Iterable[Any], keys: Mapping[str, str | None]
) -> tuple[dict[str, list[dict[str, Any]]], list[Any]]:
    """Return the objects under each of several keys as :func:`listed` does, and what is under none."""
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in keys}
    odd: list[Any] = []
    for value in values:
        if isinstance(value, list):
            deeper, more = listed_under(value, keys)
            odd.extend(more)
            for key in keys:
                found[key].extend(deeper[key])
            continue
        if not isinstance(value, dict):
            odd.append(value)
            continue
        named = [key for key in keys if key in value]
        alone = [key for key, own in keys.items() if own in value]
        if not named and alone:
            found[alone[0]].append(value)
        elif not named and not _ABOUT_ANSWERS.issuperset(value):
            odd.append(value)
        for key in named:
            items = value[key]
            if isinstance(items, list):
                found[key].extend(item for item in items if isinstance(item, dict))
                odd.extend(item for item in items if not isinstance(item, dict))
            elif items is not None:
                odd.append(items)
    return found, odd


def has_more(values: Iterable[Any]) -> bool:
    """Tell whether the last of an answer's pages names a further one, which isn't there."""
    pages = [page for value in values for page in (value if isinstance(value, list) else [value])]
    last = pages[-1] if pages and isinstance(pages[-1], dict) else {}
    return bool(last.get("NextToken") or last.get("NextMarker"))


def part(value: Any, name: str) -> dict[str, Any]:
    """Return the object under a name of an object, empty where either is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def has_key(raw: RawFile, *keys: str) -> bool:
    """Tell whether the beginning of a file is a JSON object or list that names one of the keys."""
    head = raw.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] in {b"{", b"["} and any(b'"' + key.encode() + b'"' in head for key in keys)


def stem(raw: RawFile) -> str:
    """Return a file's name without folder and endings."""
    return PurePath(raw.name).name.removesuffix(".json")


def is_blank(raw: RawFile) -> bool:
    """Tell whether a file holds nothing or an empty object, as the AWS CLI prints for no answer."""
    return raw.content.data.strip() in {b"", b"{}", b"[]", b"null"}


def moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Return the UTC moment of an ISO time or an epoch (s or ms), None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, (int, float)) or re.fullmatch(r"\d{9,14}(\.\d+)?", str(value)):
        # Seconds stay below 1e11 until the year 5138; larger numbers are milliseconds.
        try:
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds >= 1e11 else seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    else:
        text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(value).strip())
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
    try:
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    except OverflowError:
        return None


def number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """Return a whole number without losing long ones, None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value.strip()):
        # Python refuses to read thousands of digits.
        return int(value) if len(value) < _MOST_DIGITS else None
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def truth(value: Any) -> bool | None:
    """Return true or false, also written as text, None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def as_json(value: Any) -> str | None:
    """Return a JSON value as text with sorted keys, None for None."""
    return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def parsed(text: Any) -> Any:
    """Return the JSON value in a text, None where there is none."""
    if not isinstance(text, str):
        return text
    try:
        return read_json(text)
    except ValueError:
        return None


def untimed(raw: RawFile, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence on the rows without a time, which no window finds, where there are any."""
    count = sum(row["time"] is None for row in rows)
    return [f"{raw.relative}: {counted(count, 'entry', 'entries')} without a readable time."] if count else []


def iso_time(value: Any) -> str:
    """Return a time as ISO 8601, for JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _shown(item: Any) -> str:
    try:
        text = as_json(item) or ""
    except RecursionError:
        return "nested too deeply to be shown"
    return escape_surrogates(shortened(text, TEXT_LIMIT))


def rows_of(
    items: Iterable[Any], make: Callable[[Any], dict[str, Any]], odd: list[Any]
) -> list[dict[str, Any]]:
    """Return the row of each item; an item that can't become one is added to those that are odd."""
    rows = []
    for item in items:
        try:
            rows.append(make(item))
        except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
            odd.append(item)
    return rows


class ResponseProblems(NamedTuple):
    """What could not be read of a file, and whether more pages of the answer exist than it holds."""

    problems: Sequence[str] = ()
    odd: Sequence[Any] = ()
    is_page: bool = False

    def rejected(self, raw: RawFile) -> tuple[Rejected, ...]:
        """Return the troubles as rejected pieces."""
        torn = [Rejected(raw.relative, 0, problem) for problem in self.problems]
        strange = [
            Rejected(raw.relative, 0, "not what the AWS CLI prints here", _shown(item)) for item in self.odd
        ]
        return tuple(torn + strange)

    def notes(self, raw: RawFile) -> tuple[str, ...]:
        """Return a sentence for each way in which the file is incomplete."""
        notes = [f"{raw.relative}: {problem}; the part before is kept." for problem in self.problems]
        if self.is_page:
            notes.append(f"{raw.relative}: entries are missing, this is one page of several (NextToken).")
        return tuple(notes)


def table_part(
    raw: RawFile,
    source: str,
    table: str,
    rows: Any,
    trouble: ResponseProblems = ResponseProblems(),  # noqa: B008 - immutable
    **more: Any,
) -> TablePart:
    """Return rows (dictionaries or columns) as a piece whose retrieval accounts for them.

    Parameters
    ----------
    raw
        File that was read.
    source, table
        Names of the source and of the table.
    rows
        Rows as dictionaries, or a frame.
    trouble
        What could not be read.
    more
        Further fields of the retrieval; notes are added to those of the trouble.
    """
    frame = frame_of(table, rows, raw.remarks)
    notes = trouble.notes(raw) + tuple(more.pop("notes", ()))
    truncated = bool(more.pop("truncated", False) or trouble.problems or trouble.is_page)
    start, end = bounds(table, frame)
    return TablePart(
        table,
        frame,
        Retrieval(
            source,
            raw.relative,
            rows=len(frame),
            rejected=trouble.rejected(raw),
            start=start,
            end=end,
            truncated=truncated,
            notes=notes,
            **more,
        ),
    )


def frame_of(table: str, rows: Any, notes: list[str] | None = None) -> Any:
    """Return rows as the glossary's frame; empty text becomes null.

    Values that the table can't hold are told in the notes; see :func:`frame_of_rows`.
    """
    import pandas as pd

    if isinstance(rows, pd.DataFrame):
        return _typed(table, rows)
    told: list[str] = []
    frame = frame_of_rows(table, list(rows), told, lambda given: _typed(table, _columns(table, given)))
    if notes is not None:
        notes += told
    return frame


def _columns(table: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a frame; unknown keys stay columns, so that conform refuses them and loses none."""
    import pandas as pd

    return pd.DataFrame.from_records(rows) if rows else pd.DataFrame(columns=table_schema(table).names)


def _typed(table: str, frame: Any) -> Any:
    import pandas as pd

    for column in table_schema(table).columns:
        if column.name not in frame.columns:
            continue
        if column.kind == "time":
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True).astype(DTYPES["time"])
        elif column.kind == "text":
            frame[column.name] = frame[column.name].astype("string").replace("", pd.NA)
    return conform(table, frame)


def bounds(table: str, frame: Any) -> tuple[datetime | None, datetime | None]:
    """Return the first and last moment of a table's time column."""
    column = table_schema(table).time
    if column is None or not frame[column].notna().any():
        return None, None
    return frame[column].min().to_pydatetime(), frame[column].max().to_pydatetime()
