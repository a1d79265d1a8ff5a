"""Log events of CloudWatch in the shapes of other commands than Insights queries.

``aws logs filter-log-events`` and ``get-log-events`` (JSON), ``aws logs tail`` and ``sam logs`` (text,
with or without the name of the stream), rows copied from the console, exports to S3 (``000000.gz``),
results that the console of Logs Insights saved as CSV or JSON, and what Lambda wrote without any of these:
text without times, and lines of JSON (its JSON log format, events of the Telemetry API such as
``platform.report``, Embedded Metric Format, Powertools). None states its log group, though Powertools
states the function. Otherwise a file is taken for the log of the function that it is named after, if
Lambda wrote some of its lines or named its streams, or if the evidence describes that function. If the
evidence describes a single function, Lambda's lines are its log, whatever the file's name.

Sources: https://docs.aws.amazon.com/cli/latest/reference/logs/ (the pages of these commands),
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html,
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html,
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-logging.html,
and https://docs.powertools.aws.dev/lambda/python/latest/core/logger/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from watchme_analysis.aws_shapes.insights_results import event_columns, events_of, query_row
from watchme_analysis.aws_shapes.lambda_messages import classify_message
from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    child,
    documents,
    file_stem,
    has_key,
    json_value,
    objects_under,
    of_file,
    only_described,
    table_result,
    utc_time,
)
from watchme_analysis.files.csv_table import quoted_rows
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.files.lines import decoded, display_text, each_line, long_line_problem, split_lines
from watchme_analysis.text.message import Choice, Code, Resource

_SOURCE = "cloudwatch_log_events"
# The names of streams of Lambda and of ECS contain slashes.
_STREAM = r"\d{4}/\d\d/\d\d/\S*\[\S+\]\S+|[\w.-]+/[\w.-]+/[0-9a-f-]{32,36}"
# A line of `aws logs tail` or of an export: its time, the stream if it is shown, and the message. `sam logs`
# writes the stream first, and rows that are copied from the console have a tab.
_LINE = re.compile(
    rf"(?:(?P<first>{_STREAM}) )?"
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)[ \t]"
    rf"(?:(?P<stream>{_STREAM}) )?(?P<message>.*)",
    re.DOTALL,
)
# Lines that Lambda writes itself, and the name of its streams: day, version, number.
_LAMBDA_TEXT = (
    r"(?:START|END|REPORT) RequestId: [0-9a-f-]{36}|INIT_START Runtime Version: |\"type\": ?\"platform\."
    r"|RequestId: [0-9a-f-]{36} (?:Error: |Process exited)|\bTask timed out after [\d.]+ seconds"
    r"|\bRuntime\.(?:[A-Z]\w*(?:Error|Exception|Exit|NotFound|Disconnected|Invalid\w*))\b"
)
_LAMBDA_STREAM = r"\d{4}/\d\d/\d\d/(?:[\w.-]+)?\[(?:\$LATEST|\d+)\][0-9a-f]+"
_LAMBDA = re.compile(_LAMBDA_TEXT)
_LAMBDA_LINE = re.compile(rf"{_LAMBDA_TEXT}| {_LAMBDA_STREAM} ".encode())
_LAMBDA_KINDS = ("start", "end", "report", "init", "init_report", "timeout")
_STEM_ENDINGS = re.compile(r"([-_.](events?|logs?|tail|insights|results?))+$|\.(txt|log|csv|jsonl?)$")
# Names of files that are not those of a function.
_NO_NAMES = frozenset(
    {"", "log", "logs", "events", "console", "results", "output", "export", "exports", "query", "tail", "aws"}
    | {"lambda", "cloudwatch", "insights", "sam"}
)
# Folders of an export to S3: its default prefix, its task, and the log stream of its numbered files.
_EXPORT_FOLDER = re.compile(
    r"exportedlogs|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d{2}-\d{2}-.*|.*\[.*", re.IGNORECASE
)
_HEAD_LINES = 200
# The beginning of an invocation in text without times, and lines that go on with the message above them.
_UNTIMED = re.compile(r"(?:START|END|REPORT) RequestId: [0-9a-f-]{36}|INIT_START Runtime Version: ")
_FURTHER = re.compile(r"\s|Traceback \(most recent call last\)|[A-Za-z_][\w.]*(?:Error|Exception): |$")
# In the first line of JSON of a function: Lambda's events and log format, embedded metrics, Powertools.
_JSON_MARKS = re.compile(
    rb'"type": ?"platform\.|"CloudWatchMetrics": ?\[|"function_request_id": ?"'
    rb'|"(?:AWSRequestId|requestId)": ?"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"'
)


def event_parts(raw: RawFile) -> Iterator[TablePart]:
    """Yield the events of a file as ``log_events``, and an entry of ``log_queries`` for them."""
    cells, problems, truncated = _events(raw)
    stated = _stated_function(cells)
    function = stated or _function(raw, cells)
    group = f"{LAMBDA_LOG_GROUP}{function}" if function else None
    query = query_row(raw.relative, {"logGroupName": group}, {}, None, len(cells))
    # The output was not limited as that of a query is, and its window is not stated.
    query.update(query_name=file_stem(raw), limit=None, truncated=truncated or bool(problems.damage))
    if stated:
        notes = []
    elif function:
        by = Choice("name" if function == _stem(raw) or _is_of_export(raw) else "only")
        notes = [of_file(raw, "note-log-of-function", function=Resource(function), by=by)]
    else:
        example = "logs/NAME/000000.gz" if _is_of_export(raw) else "logs/NAME.json"
        notes = [of_file(raw, "note-log-group-unknown", example=Code(example))]
    unexpected = list(problems.unexpected)
    events = event_columns(raw, query, events_of(raw, cells, dict, unexpected))
    found = problems._replace(unexpected=unexpected)
    frame, retrieval = table_result(
        raw, _SOURCE, "log_events", events, found, notes=notes, truncated=bool(query["truncated"])
    )
    yield TablePart("log_events", frame, retrieval)
    yield TablePart("log_queries", *table_result(raw, _SOURCE, "log_queries", [query]))


def _events(raw: RawFile) -> tuple[list[dict[str, Any]], ResponseProblems, bool]:
    """Return the events as fields of Insights, what could not be read, and whether events are missing."""
    if _is_event_json(raw):
        values, damage = documents(raw)
        events, unexpected = objects_under(values, "events", "ingestionTime")
        cells = [_cells(raw, at, event) for at, event in enumerate(events, 1)]
        # get-log-events always has tokens; nextToken means that filter-log-events had more.
        more = any(isinstance(value, dict) and value.get("nextToken") for value in values)
        return cells, ResponseProblems(damage, unexpected, more), more
    if _is_console_json(raw):
        values, damage = documents(raw)
        items = [item for value in values for item in (value if isinstance(value, list) else [value])]
        records = [item for item in items if isinstance(item, dict)]
        others = [item for item in items if not isinstance(item, dict)]
        return _identified(raw, records), ResponseProblems(damage, others), False
    damage = [raw.content.problem] if raw.content.problem else []
    if _is_function_json(raw):
        return *_json_events(raw, damage), False
    if _is_console_csv(raw):
        header, *rows = quoted_rows(raw.content.data)
        names = header.cells
        fitting = [dict(zip(names, row.cells, strict=True)) for row in rows if len(row.cells) == len(names)]
        torn = [row.text for row in rows if len(row.cells) != len(names)]
        return _identified(raw, fitting), ResponseProblems(damage, torn), False
    return *_text_events(raw, damage), False


def _text_events(raw: RawFile, damage: list[str]) -> tuple[list[dict[str, Any]], ResponseProblems]:
    found: list[dict[str, Any]] = []
    # Joined at the end: to append each line to a text takes time in the square of their number.
    messages: list[list[str]] = []
    before: list[str] = []
    for line in each_line(raw.content.data):
        if problem := long_line_problem(len(line)):
            before.append(f"{problem}: {display_text(line)}")
            continue
        text = decoded(line)
        match = _LINE.match(text)
        # The AWS CLI prints UTC, also without an offset.
        if match is not None and utc_time(match["time"]) is not None:
            cells = {"@timestamp": match["time"], "@logStream": match["stream"] or match["first"]}
            found.append({name: value for name, value in cells.items() if value is not None})
            messages.append([match["message"]])
        elif found:
            # A message of several lines, such as a traceback.
            messages[-1].append(text)
        elif text.strip():
            before.append(text)
    if not found and any(map(_UNTIMED.match, before)):
        for text in before:
            if messages and _FURTHER.match(text):
                messages[-1].append(text)
            else:
                found.append({})
                messages.append([text])
        before = []
    for cells_of_one, lines in zip(found, messages, strict=True):
        cells_of_one["@message"] = "\n".join(lines)
    return _identified(raw, found), ResponseProblems(damage, before)


def _json_events(raw: RawFile, damage: list[str]) -> tuple[list[dict[str, Any]], ResponseProblems]:
    """Return the events of lines of JSON, at the time that each states, and of other lines among them."""
    found: list[dict[str, Any]] = []
    for line in each_line(raw.content.data):
        text = decoded(line).strip()
        value = json_value(text)
        for item in value if isinstance(value, list) else [value] if text else []:
            record = item if isinstance(item, dict) else {}
            metrics = child(record, "_aws")
            moments = (record.get("time"), record.get("timestamp"), metrics.get("Timestamp"))
            moment = next((one for one in moments if utc_time(one) is not None), None)
            message = json.dumps(item, ensure_ascii=False) if isinstance(value, list) else text
            found.append({"@timestamp": moment, "@message": message})
    return _identified(raw, found), ResponseProblems(damage, [])


def _cells(raw: RawFile, number: int, event: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": event.get("timestamp"),
        "@message": event.get("message"),
        "@logStream": event.get("logStreamName"),
        "@ptr": event.get("eventId") or f"{raw.relative}:{number}",
    }


def _identified(raw: RawFile, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events with an identity, by which events are counted."""
    return [{"@ptr": f"{raw.relative}:{number}", **one} for number, one in enumerate(records, 1)]


def _stated_function(cells: list[dict[str, Any]]) -> str | None:
    """Return the function that Powertools states in every message; None without one, or of several."""
    records = (child({"": json_value(cell.get("@message"))}, "") for cell in cells)
    names = {str(record["function_name"]) for record in records if record.get("function_name")}
    return names.pop() if len(names) == 1 else None


def _function(raw: RawFile, cells: list[dict[str, Any]]) -> str | None:
    """Return the function that a file is named after; None if nothing shows that it is one.

    Files of an export to S3 have numbers, so that a folder above them must have the name of the function.
    """
    name = _stem(raw)
    if not _is_of_export(raw) and not _describes(raw, name) and any(map(_is_of_lambda, cells)):
        only = only_described(raw, "FunctionName")
        own = _words(name) - _NO_NAMES
        if only and (not own or own & _words(only)):
            return only
    if _is_of_export(raw):
        above = (folder.name for folder in PurePath(raw.relative).parents)
        name = next((one for one in above if not _EXPORT_FOLDER.fullmatch(one)), "")
    is_named = name.lower() not in _NO_NAMES and not name.isdigit()
    return name if is_named and (_describes(raw, name) or any(map(_is_of_lambda, cells))) else None


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_.\s]+", name.lower()))


def _is_of_lambda(cells: dict[str, Any]) -> bool:
    """Return True for an event that Lambda wrote, or whose stream has a name of Lambda."""
    stream, text = cells.get("@logStream"), cells.get("@message")
    if isinstance(stream, str) and re.fullmatch(_LAMBDA_STREAM, stream):
        return True
    if not isinstance(text, str):
        return False
    return classify_message(text).kind in _LAMBDA_KINDS or _LAMBDA.search(text) is not None


def _describes(raw: RawFile, name: str) -> bool:
    """Return True when the evidence has the configuration or the triggers of a function."""
    described = raw.once(_describes, lambda: {path.name for path in (raw.root / "functions").glob("*.json*")})
    return any(
        one.partition(".json")[0] in (name, f"{name}-mappings", f"{name}-concurrency") for one in described
    )


def _stem(raw: RawFile) -> str:
    name = PurePath(raw.name).name
    while _STEM_ENDINGS.search(name):
        name = _STEM_ENDINGS.sub("", name)
    return name


def _is_of_export(raw: RawFile) -> bool:
    """Return whether a file has the name that an export to S3 gives it: a number."""
    return PurePath(raw.name).name.split(".")[0].isdigit()


def _is_event_json(raw: RawFile) -> bool:
    return has_key(raw, "events") and (has_key(raw, "ingestionTime") or has_key(raw, "searchedLogStreams"))


def _is_console_json(raw: RawFile) -> bool:
    # Within a text, a quote has a backslash before it.
    head = raw.head()
    return head.lstrip().startswith(b"[") and re.search(rb'"@(timestamp|message|ptr)"\s*:', head) is not None


def _is_console_csv(raw: RawFile) -> bool:
    first = raw.head(4096).removeprefix(b"\xef\xbb\xbf").split(b"\n")[0]
    return b"@message" in first and first.lstrip(b'"')[:1] == b"@" and b"," in first


def _is_function_json(raw: RawFile) -> bool:
    lines = [line for line in split_lines(raw.head())[:_HEAD_LINES] if line.strip()]
    first = lines[0] if lines else b""
    return isinstance(json_value(decoded(first)), (dict, list)) and any(map(_JSON_MARKS.search, lines))


def _is_text(raw: RawFile) -> bool:
    lines = split_lines(raw.head())[:_HEAD_LINES]
    if any(_UNTIMED.match(decoded(line)) for line in lines):
        return True
    matches = [_LINE.match(decoded(line)) for line in lines]
    if not any(matches):
        return False
    name = _stem(raw)
    return name.isdigit() or any(map(_LAMBDA_LINE.search, lines)) or _describes(raw, name)


def looks_like(raw: RawFile) -> bool:
    """Return True when a file holds log events in one of these shapes."""
    kinds = (_is_event_json, _is_console_json, _is_function_json, _is_console_csv, _is_text)
    return any(is_kind(raw) for is_kind in kinds)
