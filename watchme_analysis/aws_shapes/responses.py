"""Read AWS responses from JSON files: documents, items, values, and the tables made of them.

Every reader of this package proceeds alike: :func:`documents` parses a file, :func:`objects_under` finds the
items, a row function maps each to a row (:func:`fields` for plain fields), and :func:`table_result` returns
the frame with a Retrieval that accounts for what could not be read.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from watchme_analysis.files.evidence_file import RawFile, load_json, too_many_values
from watchme_analysis.files.json_values import DEEPEST, json_at, read_json, shallow
from watchme_analysis.files.lines import TEXT_LIMIT
from watchme_analysis.files.storable_values import UNSTORABLE, escape_surrogates, frame_of_rows
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform, frame_of_columns, frame_of_values, table_schema
from watchme_analysis.text.message import MessageText, Resource, message, value_of
from watchme_analysis.text.render import note
from watchme_analysis.values import microseconds
from watchme_analysis.values import number as parsed_number

if TYPE_CHECKING:
    import pandas as pd

Row = TypeVar("Row")
# Data of a window counts as settled this long after its end; until then events and points may still arrive.
SETTLED_AFTER = timedelta(minutes=15)
# Python refuses to convert longer texts of digits to an integer, and no field of AWS needs them.
_MAX_DIGITS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Text of fewer digits than an epoch has is another number, such as a year.
_NO_EPOCH = re.compile(r"\s*[+-]?\d{1,8}(\.\d*)?\s*")
# Bytes within which a document names its keys: a first value may be long, such as the body of a message.
_KEYS_WITHIN_BYTES = 1 << 20
# Keys of a response that describe the response itself.
_RESPONSE_KEYS = frozenset({"ResponseMetadata", "NextToken", "NextMarker"})


class Documents(NamedTuple):
    """JSON documents of a file, one after the other, and what is wrong with the file."""

    values: list[Any]
    problems: list[str]


def documents(raw: RawFile) -> Documents:
    """Return the JSON documents of a file; none for an empty file, which the AWS CLI writes for no result.

    Several documents in a row (batches appended to one file) are all read. Of a truncated document, the part
    that is complete is kept.
    """
    content = raw.content
    problems = [content.problem] if content.problem else []
    if problem := too_many_values(content.data):
        return Documents([], [*problems, problem])
    text = content.data.decode("utf-8-sig", errors="replace")
    values: list[Any] = []
    at = _skip_blank(text, 0)
    while at < len(text):
        try:
            value, at = json_at(text, at)
        except RecursionError:
            text, count = shallow(text[at:])
            at = 0
            raw.remarks.append(note("note-nested", values=count, levels=DEEPEST))
            continue
        except ValueError:
            value, problem = load_json(text[at:].encode())
            problems.append(problem or note("problem-json-damaged"))
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


def objects_under(
    values: Iterable[Any], key: str, own_key: str | None = None
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the objects that documents list under a key, and all values that are something else.

    ``own_key`` is a key of the listed objects: a document with it and without the list is one of the objects,
    as ``--query`` of the AWS CLI leaves it.
    """
    found, unexpected = objects_by_key(values, {key: own_key})
    return found[key], unexpected


def objects_by_key(
    values: Iterable[Any], keys: Mapping[str, str | None]
) -> tuple[dict[str, list[dict[str, Any]]], list[Any]]:
    """Return the objects under each of several keys as :func:`objects_under` does, and all other values."""
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in keys}
    unexpected: list[Any] = []
    for value in values:
        if isinstance(value, list):
            inner, more = objects_by_key(value, keys)
            unexpected.extend(more)
            for key in keys:
                found[key].extend(inner[key])
            continue
        if not isinstance(value, dict):
            unexpected.append(value)
            continue
        listing = [key for key in keys if key in value]
        single = [key for key, own_key in keys.items() if own_key in value]
        if not listing and single:
            found[single[0]].append(value)
        elif not listing and not _RESPONSE_KEYS.issuperset(value):
            unexpected.append(value)
        for key in listing:
            items = value[key]
            if isinstance(items, list):
                found[key].extend(item for item in items if isinstance(item, dict))
                unexpected.extend(item for item in items if not isinstance(item, dict))
            elif items is not None:
                unexpected.append(items)
    return found, unexpected


def has_next_page(values: Iterable[Any]) -> bool:
    """Return True when the last page of a response names a next page, which the file does not hold."""
    pages = [page for value in values for page in (value if isinstance(value, list) else [value])]
    last = pages[-1] if pages and isinstance(pages[-1], dict) else {}
    return bool(last.get("NextToken") or last.get("NextMarker"))


def child(value: Any, name: str) -> dict[str, Any]:
    """Return the object under a name of an object; an empty one where either is something else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def has_key(raw: RawFile, *keys: str) -> bool:
    """Return True when a file begins as a JSON object or list and its beginning names one of the keys."""
    head = raw.head(_KEYS_WITHIN_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] in {b"{", b"["} and any(b'"' + key.encode() + b'"' in head for key in keys)


# Where AWS's responses name the function or the queue that they describe, and the queues that are DLQs.
_DESCRIBED = {
    "FunctionName": re.compile(rb'"FunctionName"\s*:\s*"([\w-]+)"'),
    "QueueName": re.compile(rb'"QueueArn"\s*:\s*"arn:[^"]*:([\w.-]+)"'),
}
_DLQ = re.compile(rb'deadLetterTargetArn[\\": ]+arn:[^"\\]*:([\w.-]+)')


def only_described(raw: RawFile, dimension: str) -> str | None:
    """Return the only function or queue that responses in the evidence describe; None for none or several.

    ``dimension`` is ``FunctionName`` or ``QueueName``. DLQs of another queue do not count. Responses are the
    JSON files beside the file, in the evidence's folder, and in its `functions` and `queues`.
    """

    def find() -> str | None:
        folders = {raw.path.parent, raw.root, raw.root / "functions", raw.root / "queues"}
        files = {path for folder in folders for path in folder.glob("*.json*")}
        relative = (path.relative_to(raw.root).as_posix() for path in files if path.is_file())
        names, dlqs = set[bytes](), set[bytes]()
        for name in relative:
            text = RawFile(raw.root, name).content.data
            names.update(_DESCRIBED[dimension].findall(text))
            dlqs.update(_DLQ.findall(text))
        names -= dlqs
        return names.pop().decode() if len(names) == 1 else None

    return raw.once((only_described, dimension), find)


def file_stem(raw: RawFile) -> str:
    """Return the name of a file without folder and endings."""
    return PurePath(raw.name).name.removesuffix(".json")


def utc_time(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Return the UTC time of ISO 8601 text, an epoch or a datetime; None for anything else.

    Text without a time zone is in ``zone``.
    """
    if isinstance(value, str) and _NO_EPOCH.fullmatch(value):
        return None
    moment = microseconds(value, zone)
    return None if moment is None else _EPOCH + timedelta(microseconds=moment)


# Times as Insights writes them, in UTC, and as the AWS CLI writes most others.
_TIMES = (
    (r"^[12]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$", None),
    (r"^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$", "UTC"),
)


def utc_microseconds(values: Sequence[Any], zone: tzinfo = UTC) -> list[int | None]:
    """Return the UTC time of each value as :func:`utc_time` does, in microseconds since the epoch.

    The usual times of a log or of a series together take a tenth of the time of one after the other.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    with suppress(pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):  # a value is not a text, or not a time
        texts = pa.array(values, pa.string())
        for pattern, stated_zone in _TIMES:
            has_zone = stated_zone is not None or zone is UTC
            if has_zone and pc.all(pc.match_substring_regex(texts, pattern)).as_py():
                found: list[int | None] = (
                    texts.cast(pa.timestamp("us", stated_zone)).cast(pa.int64()).to_pylist()
                )
                return found
    return [
        None if moment is None else (moment - _EPOCH) // _MICROSECOND
        for moment in (utc_time(value, zone) for value in values)
    ]


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    try:
        return parsed_number(value)
    except ValueError:
        return None


def integer(value: Any) -> int | None:
    """Return a whole number with all of its digits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value.strip()):
        return int(value) if len(value) < _MAX_DIGITS else None
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def boolean(value: Any) -> bool | None:
    """Return True or False, also for the texts ``true`` and ``false``; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())


def json_text(value: Any) -> str | None:
    """Return a JSON value as text with sorted keys; None for None."""
    return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def json_value(text: Any) -> Any:
    """Return the JSON value in a text, None for text without one; a value that is no text as it is."""
    if not isinstance(text, str):
        return text
    try:
        return read_json(text)
    except ValueError:
        return None


def json_object(text: Any) -> dict[str, Any]:
    """Return the JSON object in a text, or a value that is one; an empty object for anything else."""
    found = json_value(text)
    return found if isinstance(found, dict) else {}


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "int": integer,
    "float": number,
    "time": utc_time,
    "bool": boolean,
    "json": json_text,
}


@cache
def _fields_of(call: str) -> dict[str, tuple[list[str], Callable[[Any], Any]]]:
    """Return path and conversion of each column that ``response_fields.toml`` states for a call."""
    stated = tomllib.loads(Path(__file__).with_name("response_fields.toml").read_text(encoding="utf-8"))[call]
    columns = {column.name: column.kind for column in table_schema(stated.pop("table")).columns}
    return {name: (path.split("."), _CONVERSIONS[columns[name]]) for name, path in stated.items()}


def fields(item: Mapping[str, Any], call: str) -> dict[str, Any]:
    """Return the columns of a row that are plain fields of an item of a response; None where one is missing.

    ``call`` is one of ``response_fields.toml``.

    Examples
    --------
    >>> item = {"ScalingConfig": {"MaximumConcurrency": 5}}
    >>> fields(item, "ListEventSourceMappings")["max_concurrency"]
    5
    """
    row = {}
    for column, (path, convert) in _fields_of(call).items():
        value: Any = item
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        row[column] = convert(value)
    return row


def untimed_notes(raw: RawFile, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note on rows without a time, which no window contains; [] without such rows."""
    count = sum(row["time"] is None for row in rows)
    return [of_file(raw, "note-untimed", entries=count)] if count else []


def of_file(raw: RawFile, message_id: str, /, **values: Any) -> MessageText:
    """Return a note that names the file it is about; parameters as for :func:`note`."""
    return note("note-of-file", file=Resource(raw.relative), note=message(message_id, **values))


def iso_time(value: Any) -> str:
    """Return a datetime as ISO 8601 text; ``default`` of :func:`json.dumps`."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def rows_from(items: Iterable[Any], make_row: Callable[[Any], Row], unexpected: list[Any]) -> list[Row]:
    """Return a row for each item; items that cannot become a row are added to ``unexpected``."""
    rows = []
    for item in items:
        try:
            rows.append(make_row(item))
        except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
            unexpected.append(item)
    return rows


class ResponseProblems(NamedTuple):
    """What could not be read of a file."""

    damage: Sequence[str] = ()  # clauses on damaged or truncated content
    unexpected: Sequence[Any] = ()  # JSON values that are not what the AWS CLI writes here
    has_next_page: bool = False  # the response has more pages than the file holds

    def rejected(self, raw: RawFile) -> tuple[Rejected, ...]:
        """Return the problems as rejected pieces of input."""
        damaged = [Rejected(raw.relative, 0, problem) for problem in self.damage]
        others = [
            Rejected(raw.relative, 0, note("problem-not-aws-cli"), _excerpt(item)) for item in self.unexpected
        ]
        return tuple(damaged + others)

    def notes(self, raw: RawFile) -> tuple[str, ...]:
        """Return a sentence for each way in which the file is incomplete."""
        notes = [of_file(raw, "note-part-kept", problem=value_of(problem)) for problem in self.damage]
        if self.has_next_page:
            notes.append(of_file(raw, "note-entries-missing"))
        return tuple(notes)


def without_repeated(
    frame: pd.DataFrame, is_repeated: pd.Series, message_id: str, /, **values: Any
) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame of all files without its repeated rows, and the note about them, if any were repeated.

    The message of the note gets the number of repeated rows as ``repeated``.
    """
    count = int(is_repeated.sum())
    if not count:
        return frame, []
    return frame[~is_repeated].reset_index(drop=True), [note(message_id, repeated=count, **values)]


def _excerpt(item: Any) -> str:
    try:
        text = json_text(item) or ""
    except RecursionError:
        return "nested too deeply to be shown"
    return escape_surrogates(shortened(text, TEXT_LIMIT))


def table_result(  # noqa: PLR0913 - a table, its rows and what the Retrieval states
    raw: RawFile,
    source: str,
    table: str,
    rows: Any,
    problems: ResponseProblems = ResponseProblems(),  # noqa: B008 - immutable
    *,
    notes: Sequence[str] = (),
    truncated: bool = False,
    **retrieval: Any,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return rows as the frame of a table, with a Retrieval that accounts for them.

    Rows are dictionaries, the values of each column, or a frame. ``truncated`` is True when rows are missing
    for another reason than the problems; further keywords are fields of the Retrieval.
    """
    frame = table_frame(table, rows, raw.remarks)
    start, end = _time_bounds(table, frame)
    return frame, Retrieval(
        source,
        raw.relative,
        rows=len(frame),
        rejected=problems.rejected(raw),
        start=start,
        end=end,
        truncated=truncated or bool(problems.damage) or problems.has_next_page,
        notes=(*problems.notes(raw), *notes),
        **retrieval,
    )


def table_frame(table: str, rows: Any, notes: list[str] | None = None) -> pd.DataFrame:
    """Return rows as a frame with the columns and types of the data dictionary.

    Rows are dictionaries or the values of each column, of which empty text becomes null; or a frame.
    ``notes`` receives a sentence on values that the table cannot hold; see :func:`frame_of_rows`.
    """
    import pandas as pd

    if isinstance(rows, pd.DataFrame):
        return conform(table, rows)
    if isinstance(rows, Mapping):
        try:
            return frame_of_columns(table, rows, len(next(iter(rows.values()))))
        except UNSTORABLE:
            rows = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    own_notes: list[str] = []
    frame = frame_of_rows(table, list(rows), own_notes, lambda given: frame_of_values(table, given))
    if notes is not None:
        notes += own_notes
    return frame


def _time_bounds(table: str, frame: Any) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last time in a table's time column; None without any."""
    column = table_schema(table).time
    if column is None or not frame[column].notna().any():
        return None, None
    return frame[column].min().to_pydatetime(), frame[column].max().to_pydatetime()
