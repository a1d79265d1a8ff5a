"""What one log message of a Lambda function says: its kind, level, error and figures.

The lines that Lambda itself writes (START, END, REPORT, INIT_START, ``Task timed out``) follow AWS's
documentation of the text and the JSON log format; the application's own lines are read for errors in
English and Japanese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from watchme_analysis.aws_shapes.responses import number
from watchme_analysis.files.json_values import read_json

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REQUEST_ID = re.compile(rf"RequestId: (?P<id>{_ID})|(?:Z|\t|^)[ \t](?P<bare>{_ID})[ \t]|\t(?P<tab>{_ID})\t")
_PLATFORM = (
    ("START RequestId:", "start"),
    ("END RequestId:", "end"),
    ("REPORT RequestId:", "report"),
    ("INIT_START ", "init"),
    ("RESTORE_START ", "init"),
    ("INIT_REPORT ", "init_report"),
    ("RESTORE_REPORT ", "init_report"),
    ("EXTENSION\t", "extension"),
    ("EXTENSION ", "extension"),
    ("LOGS\t", "extension"),
    ("TELEMETRY\t", "extension"),
)
_JSON_TYPES = {
    "platform.start": "start",
    "platform.end": "end",
    "platform.runtimeDone": "end",
    "platform.report": "report",
    "platform.initStart": "init",
    "platform.restoreStart": "init",
    "platform.initReport": "init_report",
    "platform.initRuntimeDone": "init_report",
    "platform.restoreReport": "init_report",
    "platform.extension": "extension",
    "platform.telemetrySubscription": "extension",
    "platform.logsSubscription": "extension",
    "platform.logsDropped": "extension",
}
_FIGURES = (
    ("duration_ms", re.compile(r"(?:^|\t)Duration: ([\d.]+) ms"), "durationMs"),
    ("billed_ms", re.compile(r"Billed Duration: ([\d.]+) ms"), "billedDurationMs"),
    ("memory_mb", re.compile(r"Memory Size: ([\d.]+) MB"), "memorySizeMB"),
    ("memory_used_mb", re.compile(r"Max Memory Used: ([\d.]+) MB"), "maxMemoryUsedMB"),
    ("init_ms", re.compile(r"Init Duration: ([\d.]+) ms"), "initDurationMs"),
)
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_ERROR_TYPE = re.compile(r"Error Type: (?P<name>[\w.]+)")
_LEVEL = re.compile(
    r"\[(?P<bracket>ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG|TRACE)\]"
    r"|(?:^|[\t|]|- )\s*(?P<word>ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG|TRACE)(?=[\s:\t|]|$)"
    r"|\blevel=\"?(?P<key>error|critical|fatal|warning|warn|info|debug)\b",
    re.IGNORECASE | re.MULTILINE,
)
_LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_FAILED = {"ERROR", "CRITICAL"}
# An exception's name: the last part of a dotted name that says what it is.
_NAMED = r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Failure|Interrupt|Refused|Exceeded|NotFound)"
_BRACKETED = re.compile(r"^\[ERROR\] (?P<name>[A-Za-z_][\w.]*)(?::|\s*$)", re.MULTILINE)
_RAISED = re.compile(r"^(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::|\s*$)", re.MULTILINE)
_EXCEPTION = re.compile(rf"\b(?P<name>{_NAMED})\b")
_STATUS = re.compile(
    r"(?:status(?:[_ ]?code)?|HTTP(?:/[\d.]+)?|ステータス(?:コード)?)\W{0,3}(?P<status>[45]\d\d)\b",
    re.IGNORECASE,
)
# Words that make a line without a level an error, and what takes that back.
_COMPLAINT = re.compile(r"❌|🚨|エラー|失敗|例外|タイムアウト|異常終了|\b(?:failed|failure)\b", re.IGNORECASE)
_NO_COMPLAINT = re.compile(
    r"(?:エラー|失敗|例外|異常|タイムアウト)(?:件数|数)?\s*(?:[:：=]\s*0(?!\d)|は?(?:なし|無し|ありません|ゼロ)|0\s*件)"
    r"|\b(?:failed|failures?|errors?)\s*[:=]\s*0\b|\b(?:0|no) (?:failed|failures?|errors?)\b",
    re.IGNORECASE,
)
_TIMEOUT_WORDS = re.compile(r"タイムアウト|timed out|\btimeout\b", re.IGNORECASE)
_KEPT_PREFIXES = ("Runtime.", "Sandbox.", "Extension.", "Function.")


@dataclass(slots=True)
class Reading:
    """What a message says; the names are columns of ``log_events``."""

    kind: str = "application"
    level: str | None = None
    error_type: str | None = None
    request_id: str | None = None
    duration_ms: float | None = None
    billed_ms: float | None = None
    memory_mb: float | None = None
    memory_used_mb: float | None = None
    init_ms: float | None = None


def read_message(message: str) -> Reading:
    """Return what a log message says.

    Parameters
    ----------
    message
        The message as logged, with or without its line break.
    """
    if message[:1] == "{":
        reading = _read_json(message)
        if reading is not None:
            return reading
    reading = Reading(request_id=_request_id(message))
    for beginning, kind in _PLATFORM:
        if message.startswith(beginning):
            reading.kind = kind
            if kind in {"report", "init_report"}:
                _read_report(message, reading)
            return reading
    if _TIMED_OUT.search(message):
        reading.kind, reading.error_type = "timeout", "Task timed out"
        return reading
    _read_application(message, reading)
    return reading


def _request_id(message: str) -> str | None:
    found = _REQUEST_ID.search(message, 0, 400)
    return found["id"] or found["bare"] or found["tab"] if found else None


def _read_report(message: str, reading: Reading) -> None:
    for name, pattern, _ in _FIGURES:
        found = pattern.search(message)
        if found:
            setattr(reading, name, float(found[1]))
    if reading.kind == "init_report" and reading.duration_ms is None:
        found = re.search(r"(?:Init|Restore) Duration: ([\d.]+) ms", message)
        reading.init_ms = float(found[1]) if found else None
    failed = _ERROR_TYPE.search(message)
    if failed:
        reading.error_type = short_name(failed["name"])
    elif re.search(r"Status: timeout", message):
        reading.error_type = "Task timed out"


def _read_application(message: str, reading: Reading) -> None:
    """Tell errors among the application's own lines."""
    level = _LEVEL.search(message, 0, 300)
    if level:
        word = (level["bracket"] or level["word"] or level["key"]).upper()
        reading.level = _LEVELS.get(word, word)
    traceback = "Traceback (most recent call last)" in message
    complains = bool(_COMPLAINT.search(message)) and not _NO_COMPLAINT.search(message)
    if reading.level is None and complains:
        reading.level = "ERROR"
    failed = reading.level in _FAILED or (reading.level is None and (traceback or _is_fault(message)))
    if failed:
        reading.kind = "error"
        reading.error_type = _error_type(message, traceback)


def _is_fault(message: str) -> bool:
    """Tell whether a line without a level is Lambda's or an interpreter's word of a fault."""
    return bool(
        _ERROR_TYPE.search(message)
        or re.match(rf"RequestId: {_ID} (?:Error: |Process exited)", message)
        or re.match(rf"{_NAMED}: ", message)
    )


def _error_type(message: str, traceback: bool) -> str:
    """Return the most telling name of an error; ``ERROR`` when the line names none."""
    named = _ERROR_TYPE.search(message) or _BRACKETED.search(message)
    if named:
        return short_name(named["name"])
    if traceback:
        tail = message[message.rindex("Traceback (most recent call last)") :]
        raised = _RAISED.findall(tail)
        if raised:
            return short_name(raised[-1])
    named = _EXCEPTION.search(message)
    if named:
        return short_name(named["name"])
    status = _STATUS.search(message)
    if status:
        return f"HTTP {status['status']}"
    return "Timeout" if _TIMEOUT_WORDS.search(message) else "ERROR"


def short_name(name: str) -> str:
    """Return an exception's own name without its module; Lambda's own prefixes stay."""
    return name if name.startswith(_KEPT_PREFIXES) else name.rstrip(".").rsplit(".", 1)[-1]


def _read_json(message: str) -> Reading | None:
    """Read a message of Lambda's JSON log format, None when it is no JSON object."""
    try:
        value = read_json(message)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if isinstance(kind, str) and kind.startswith("platform."):
        return _read_platform(kind, value.get("record"))
    text = str(value.get("message") or value.get("errorMessage") or "")
    reading = read_message(text) if text[:1] != "{" else Reading()
    request = value.get("requestId") or value.get("AWSRequestId") or value.get("request_id")
    reading.request_id = str(request) if request else reading.request_id
    level = value.get("level") or value.get("levelname") or value.get("log_level")
    if isinstance(level, str):
        reading.level = _LEVELS.get(level.upper(), level.upper())
    error = value.get("errorType") or value.get("exception_name")
    if reading.kind == "timeout":
        return reading
    if error or reading.level in _FAILED:
        reading.kind = "error"
        reading.error_type = (
            short_name(str(error)) if error else reading.error_type or _trace_type(value, text)
        )
    elif reading.level is not None:
        # A level below error is the application's own judgement of the line.
        reading.kind, reading.error_type = "application", None
    return reading


def _trace_type(value: dict[str, Any], text: str) -> str:
    trace = value.get("stackTrace") or value.get("exception") or value.get("exc_info") or ""
    whole = text + "\n" + ("\n".join(map(str, trace)) if isinstance(trace, list) else str(trace))
    return _error_type(whole, "Traceback (most recent call last)" in whole)


def _read_platform(kind: str, record: Any) -> Reading:
    record = record if isinstance(record, dict) else {}
    reading = Reading(kind=_JSON_TYPES.get(kind, "extension"))
    reading.request_id = str(record["requestId"]) if record.get("requestId") else None
    metrics = record.get("metrics")
    if isinstance(metrics, dict) and reading.kind in {"report", "init_report"}:
        for name, _, key in _FIGURES:
            setattr(reading, name, number(metrics.get(key)))
        if reading.kind == "init_report":
            reading.init_ms, reading.duration_ms = reading.duration_ms, None
    if record.get("errorType"):
        reading.error_type = short_name(str(record["errorType"]))
    elif record.get("status") == "timeout":
        reading.error_type = "Task timed out"
    return reading
