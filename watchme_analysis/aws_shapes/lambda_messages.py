"""Classify one log message of a Lambda function: its kind, level, error and figures.

The lines that Lambda itself writes (START, END, REPORT, INIT_START, ``Task timed out``) follow AWS's
documentation of the text and the JSON log format; the application's own lines are read for the usual English
words for errors, and for those that ``watchme.toml`` adds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from watchme_analysis.aws_shapes.responses import number
from watchme_analysis.config import LogWords
from watchme_analysis.files.json_values import read_json

# An invocation's request id, and the places where text messages have it.
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REQUEST_ID = re.compile(rf"RequestId: (?P<id>{_ID})|(?:Z|\t|^)[ \t](?P<bare>{_ID})[ \t]|\t(?P<tab>{_ID})\t")
# Few lines of an application have an id. To look for parts that surround each takes a fifth of the time.
_ID_HINTS = ("RequestId: ", "\t", "Z ")
# Time and request id that the runtime writes before a message, once its spaces are folded.
_RUNTIME_PREFIX = re.compile(rf"\d{{4}}-\d\d-\d\dT\S+ {_ID} ")
# Beginning of a line that Lambda writes -> kind; the same for the JSON log format.
_STATED = tomllib.loads(Path(__file__).with_name("lambda_lines.toml").read_text(encoding="utf-8"))
_PLATFORM, _JSON_TYPES = _STATED["text"], _STATED["json"]
_PLATFORM_BEGINNING = re.compile("|".join(map(re.escape, _PLATFORM)))
# Column, pattern in the text format, key in the JSON format.
_FIGURES = (
    ("duration_ms", re.compile(r"(?:^|\t)Duration: ([\d.]+) ms"), "durationMs"),
    ("billed_ms", re.compile(r"Billed Duration: ([\d.]+) ms"), "billedDurationMs"),
    ("memory_mb", re.compile(r"Memory Size: ([\d.]+) MB"), "memorySizeMB"),
    ("memory_used_mb", re.compile(r"Max Memory Used: ([\d.]+) MB"), "maxMemoryUsedMB"),
    ("init_ms", re.compile(r"Init Duration: ([\d.]+) ms"), "initDurationMs"),
)
# Beginning of a REPORT line as Lambda writes it, with the figures in the order of _FIGURES.
_REPORT = re.compile(
    rf"REPORT RequestId: {_ID}\tDuration: ([\d.]+) ms\tBilled Duration: ([\d.]+) ms"
    r"\tMemory Size: ([\d.]+) MB\tMax Memory Used: ([\d.]+) MB"
)
# Keys of the request id in JSON: Lambda's, that of other loggers, and Powertools'.
_REQUEST_KEYS = ("requestId", "AWSRequestId", "request_id", "function_request_id")
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_ERROR_TYPE = re.compile(r"Error Type: (?P<name>[\w.]+)")
_FAILED_STATUS = re.compile(r"Status: (?:error|failure)\b")
_LEVEL = re.compile(
    r"\[(?P<bracket>ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG|TRACE)\]"
    r"|(?:^|[\t|]|- )\s*(?P<word>ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG|TRACE)(?=[\s:\t|]|$)"
    r"|\blevel=\"?(?P<key>error|critical|fatal|warning|warn|info|debug)\b",
    re.IGNORECASE | re.MULTILINE,
)
_LEVEL_SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_ERROR_LEVELS = {"ERROR", "CRITICAL"}
# Name of an exception: a dotted name whose last part has a telling ending.
_EXCEPTION_NAME = (
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Failure|Interrupt|Refused|Exceeded|NotFound)"
)
_BRACKETED = re.compile(r"^\[ERROR\] (?P<name>[A-Za-z_][\w.]*)(?::|\s*$)", re.MULTILINE)
_RAISED = re.compile(r"^(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::|\s*$)", re.MULTILINE)
_EXCEPTION = re.compile(rf"\b(?P<name>{_EXCEPTION_NAME})\b")
_NO_WORDS = LogWords()
# Few lines name a level or an error. To look for parts of the words in the folded text takes a tenth of the
# time of a pattern without regard to case, to which the i without and the I with a dot are an i.
_DOTS = ("\u0131", "\u0307")
_LEVEL_HINTS = ("error", "critical", "fatal", "warn", "info", "debug", "trace", *_DOTS)
_RUNTIME_ERROR = re.compile(rf"RequestId: {_ID} (?:Error: |Process exited)|{_EXCEPTION_NAME}: ")
# Prefixes of error types of Lambda itself, which stay part of the name.
_LAMBDA_PREFIXES = ("Runtime.", "Sandbox.", "Extension.", "Function.")


class _Words(NamedTuple):
    """Patterns of the words that tell of an error in a line without a level.

    ``hints`` are parts of which each text with an error word has one.
    """

    hints: tuple[str, ...]
    error: re.Pattern[str]
    no_error: re.Pattern[str]
    timeout: re.Pattern[str]
    status: re.Pattern[str]


@cache
def _patterns(words: LogWords) -> _Words:
    """Return the patterns of the usual English words and of further words."""
    errors = _either(words.error)
    no_error = [
        # A word with up to three letters of its inflection, and that its number is zero.
        rf"(?:{errors})\w{{0,3}}\s*(?:[:：=]\s*0(?!\d)|{_either(words.no_error)})",
        r"\b(?:failed|failures?|errors?)\s*[:=]\s*0\b",
        r"\b(?:0|no) (?:failed|failures?|errors?)\b",
    ]
    return _Words(
        ("❌", "🚨", "failed", "failure", *_DOTS, *(word.casefold() for word in words.error)),
        re.compile(rf"❌|🚨|{errors}|\b(?:failed|failure)\b", re.IGNORECASE),
        re.compile("|".join(no_error), re.IGNORECASE),
        re.compile(rf"{_either(words.timeout)}|timed out|\btimeout\b", re.IGNORECASE),
        re.compile(
            rf"(?:status(?:[_ ]?code)?|HTTP(?:/[\d.]+)?|{_either(words.status)})"
            r"\W{0,3}(?P<status>[45]\d\d)\b",
            re.IGNORECASE,
        ),
    )


def _either(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, the longest first; one that never matches without words."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"


@dataclass(slots=True)
class MessageFacts:
    """Facts of a log message; the attributes are columns of ``log_events``.

    ``kind`` is ``start``, ``end``, ``report``, ``init``, ``init_report``, ``extension``, ``timeout``,
    ``error`` or ``application``. The figures are those of REPORT and INIT_REPORT lines, in milliseconds and
    MB.
    """

    kind: str = "application"
    level: str | None = None  # in capitals: ``ERROR``, ``WARNING``, …
    # name of the exception, ``HTTP 503``, ``Timeout``, ``Task timed out`` or ``ERROR``
    error_type: str | None = None
    request_id: str | None = None  # of the invocation
    duration_ms: float | None = None
    billed_ms: float | None = None
    memory_mb: float | None = None
    memory_used_mb: float | None = None
    init_ms: float | None = None


def classify_message(
    message: str, words: LogWords = _NO_WORDS, request_id: str | None = None
) -> MessageFacts:
    """Return the facts of a log message, with or without its line break.

    ``words`` are words for errors beside the usual English ones. The request id of a text message is looked
    for in it, if it is not given.
    """
    if message[:1] == "{":
        facts = _classify_json(message, words)
        if facts is not None:
            return facts
    facts = MessageFacts(request_id=request_id or _request_id(message))
    if beginning := _PLATFORM_BEGINNING.match(message):
        facts.kind = _PLATFORM[beginning[0]]
        if facts.kind in {"report", "init_report"}:
            _add_report(message, facts)
        return facts
    if _TIMED_OUT.search(message):
        facts.kind, facts.error_type = "timeout", "Task timed out"
        return facts
    _classify_application(message, facts, _patterns(words))
    return facts


def _request_id(message: str) -> str | None:
    if message[:1] not in {" ", "\t"} and not _has_any(message, _ID_HINTS):
        return None
    found = _REQUEST_ID.search(message, 0, 400)
    return found["id"] or found["bare"] or found["tab"] if found else None


def _add_report(message: str, facts: MessageFacts) -> None:
    usual = _REPORT.match(message)
    if usual:
        facts.duration_ms, facts.billed_ms, facts.memory_mb, facts.memory_used_mb = map(float, usual.groups())
    for name, pattern, _ in _FIGURES[4:] if usual else _FIGURES:
        found = pattern.search(message)
        if found:
            setattr(facts, name, float(found[1]))
    if facts.kind == "init_report" and facts.duration_ms is None:
        found = re.search(r"(?:Init|Restore) Duration: ([\d.]+) ms", message)
        facts.init_ms = float(found[1]) if found else None
    failed = _ERROR_TYPE.search(message)
    if failed:
        facts.error_type = short_exception_name(failed["name"])
    elif "Status: timeout" in message:
        facts.error_type = "Task timed out"
    elif _FAILED_STATUS.search(message):
        facts.error_type = "ERROR"


def _classify_application(message: str, facts: MessageFacts, words: _Words) -> None:
    """Set level and error of a line that the application wrote."""
    folded = message.casefold()
    level = _LEVEL.search(message, 0, 300) if _has_any(folded, _LEVEL_HINTS) else None
    if level:
        word = (level["bracket"] or level["word"] or level["key"]).upper()
        facts.level = _LEVEL_SYNONYMS.get(word, word)
    traceback = "Traceback (most recent call last)" in message
    if (
        facts.level is None
        and _has_any(folded, words.hints)
        and words.error.search(message)
        and not words.no_error.search(message)
    ):
        facts.level = "ERROR"
    is_unlabelled_error = facts.level is None and (traceback or _is_runtime_error(message))
    if facts.level in _ERROR_LEVELS or is_unlabelled_error:
        facts.kind = "error"
        facts.error_type = _error_type(message, traceback, words)


def _has_any(text: str, hints: Iterable[str]) -> bool:
    for hint in hints:  # noqa: SIM110 - a generator for each line takes twice the time
        if hint in text:
            return True
    return False


def _is_runtime_error(message: str) -> bool:
    """Return True when a line without a level is an error message of Lambda or of the interpreter."""
    return bool(_ERROR_TYPE.search(message) or _RUNTIME_ERROR.match(message))


def _error_type(message: str, traceback: bool, words: _Words) -> str:
    """Return the most specific name of an error in a message; ``ERROR`` without one."""
    named = _ERROR_TYPE.search(message) or _BRACKETED.search(message)
    if named:
        return short_exception_name(named["name"])
    if traceback:
        tail = message[message.rindex("Traceback (most recent call last)") :]
        raised = _RAISED.findall(tail)
        if raised:
            return short_exception_name(raised[-1])
    named = _EXCEPTION.search(message)
    if named:
        return short_exception_name(named["name"])
    status = words.status.search(message)
    if status:
        return f"HTTP {status['status']}"
    return "Timeout" if words.timeout.search(message) else "ERROR"


def without_runtime_prefix(line: str) -> str:
    """Return a line, its spaces folded, without the time and the request id that the runtime puts first."""
    return _RUNTIME_PREFIX.sub("", line, count=1) if _RUNTIME_PREFIX.match(line) else line


def short_exception_name(name: str) -> str:
    """Return the name of an exception without its module; prefixes of Lambda stay."""
    return name if name.startswith(_LAMBDA_PREFIXES) else name.rstrip(".").rsplit(".", 1)[-1]


def _classify_json(message: str, words: LogWords) -> MessageFacts | None:
    """Return the facts of a message in Lambda's JSON log format; None when it is no JSON object."""
    try:
        value = read_json(message)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if isinstance(kind, str) and kind.startswith("platform."):
        return _classify_platform(kind, value.get("record"))
    text = str(value.get("message") or value.get("errorMessage") or "")
    facts = classify_message(text, words) if text[:1] != "{" else MessageFacts()
    request = next((value[key] for key in _REQUEST_KEYS if value.get(key)), None)
    facts.request_id = str(request) if request else facts.request_id
    level = value.get("level") or value.get("levelname") or value.get("log_level")
    if isinstance(level, str):
        facts.level = _LEVEL_SYNONYMS.get(level.upper(), level.upper())
    error = value.get("errorType") or value.get("exception_name")
    if facts.kind == "timeout":
        return facts
    if error or facts.level in _ERROR_LEVELS:
        facts.kind = "error"
        facts.error_type = (
            short_exception_name(str(error))
            if error
            else facts.error_type or _trace_type(value, text, _patterns(words))
        )
    elif facts.level is not None:
        # The application itself classified the line as less than an error.
        facts.kind, facts.error_type = "application", None
    return facts


def _trace_type(value: dict[str, Any], text: str, words: _Words) -> str:
    trace = value.get("stackTrace") or value.get("exception") or value.get("exc_info") or ""
    whole = text + "\n" + ("\n".join(map(str, trace)) if isinstance(trace, list) else str(trace))
    return _error_type(whole, "Traceback (most recent call last)" in whole, words)


def _classify_platform(kind: str, record: Any) -> MessageFacts:
    record = record if isinstance(record, dict) else {}
    facts = MessageFacts(kind=_JSON_TYPES.get(kind, "extension"))
    facts.request_id = str(record["requestId"]) if record.get("requestId") else None
    metrics = record.get("metrics")
    if isinstance(metrics, dict) and facts.kind in {"report", "init_report"}:
        for name, _, key in _FIGURES:
            setattr(facts, name, number(metrics.get(key)))
        if facts.kind == "init_report":
            facts.init_ms, facts.duration_ms = facts.duration_ms, None
    if record.get("errorType"):
        facts.error_type = short_exception_name(str(record["errorType"]))
    elif record.get("status") == "timeout":
        facts.error_type = "Task timed out"
    elif record.get("status") in {"error", "failure"}:
        facts.error_type = "ERROR"
    return facts
