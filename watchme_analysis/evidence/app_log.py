"""Logs of uvicorn and of the application that it serves, in the formats of Python's logging and its like.

Also those of zap, tracing, pino, logback, Spring Boot and Monolog (Laravel), and Apache's error log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.files.evidence_file import RawFile, name_fits
from watchme_analysis.files.json_values import json_value
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.files.lines import container_prefix, decoded, split_lines, unpadded
from watchme_analysis.log_messages.known_messages import known_message
from watchme_analysis.text.render import note
from watchme_analysis.values import LARGEST_WHOLE, microseconds

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|EXCEPTION)"
_TIME = (
    r"(?P<time>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
    # ctime(3), as Apache and uWSGI write it.
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4}"
    r"|\d{9,11}\.\d{1,9})"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Ruby's Logger writes the letter of its level first, and the process in the brackets of the time.
_START = re.compile(rf"(?:[DIWEFA], )?[\[(]?{_TIME}(?: #\d{{1,10}})?[\])]?\s*(?:[-|:]\s*)?")
# Fields between the time and the message, in any order: level, process, logger, their separators.
_LEVEL_FIELD = re.compile(rf"\[?(?P<level>{_LEVEL})\]?(?=[\s:|\-\]])\s*(?:-- [^\s:]*: |[:|-](?=\s)\s*)?")
# Monolog writes the channel before the level: `[TIME] production.ERROR: message`.
_CHANNEL_FIELD = re.compile(rf"(?P<logger>[\w-]+)\.(?P<level>{_LEVEL}):\s+")
# Celery's `worker_log_format` begins `[TIME: ERROR/MainProcess] `.
_PROCESS_FIELD = re.compile(rf"(?P<level>{_LEVEL})/(?P<logger>[\w-]+)\]\s+")
# Log4j and Logback write the thread before the level: `TIME [main] INFO  message`.
_THREAD = re.compile(rf"\[(?!\d+\])[^\]]{{1,80}}\]\s+(?={_LEVEL}\s)")
_PID_FIELD = re.compile(
    r"[\[(](?:pid[ =:]*)?(?P<pid>\d{1,10})(?:[:#][^\s\])]+(?: \d+)?)?(?:\]|\)(?!\w)):?\s*(?:[|-]\s+)?"
)
# Apache: `[module:level]`, of which old versions write the level alone.
_MODULE_LEVEL_FIELD = re.compile(
    r"\[(?:\w+:)?(?P<level>emerg|alert|crit|error|warn|notice|info|debug|trace\d)\]\s+"
)
# Spring Boot: the process and the thread, then the logger.
_SPRING_PID_FIELD = re.compile(r"(?P<pid>\d{1,10}) --- (?:\[[^\]]{0,80}\] ){1,4}")
_SPRING_LOGGER_FIELD = re.compile(r"(?P<logger>[A-Za-z_]\S*)\s+:\s+")
# zap: file and line of the call.
_CALLER_FIELD = re.compile(r"(?P<logger>[\w./@-]+\.go:\d{1,6})\s+")
# With the function and the line number of the log call, if a format includes them.
_LOGGER_FIELD = re.compile(
    r"(?!AH\d{5}:)\[?(?P<logger>[A-Za-z_][\w.]*)(?::[\w<>]+){0,2}\]?(?::(?=\s)|\s+[-|](?=\s))\s*"
)
# Format in Flask's documentation: `INFO in MODULE: message`.
_MODULE_FIELD = re.compile(r"in (?P<logger>[A-Za-z_][\w.]*):\s+")
# A format may have no separator between logger and message, so loggers of known servers are listed.
_SERVER_FIELD = re.compile(r"(?P<logger>(?:uvicorn|gunicorn|hypercorn)\.(?:access|error|asgi))\s+")
_STOCK = re.compile(rf"(?P<level>{_LEVEL}): {{1,9}}(?P<message>.*)", re.DOTALL)
_FIELDS = (
    ("level", _CHANNEL_FIELD),
    ("level", _PROCESS_FIELD),
    ("level", _LEVEL_FIELD),
    ("level", _MODULE_LEVEL_FIELD),
    ("pid", _PID_FIELD),
    ("pid", _SPRING_PID_FIELD),
    ("logger", _SPRING_LOGGER_FIELD),
    ("logger", _CALLER_FIELD),
    ("logger", _MODULE_FIELD),
    ("logger", _LOGGER_FIELD),
    ("logger", _SERVER_FIELD),
)
# NestJS's ConsoleLogger, in the locale that Node.js has in a container.
_NEST = re.compile(
    rf"\[Nest\] (?P<pid>\d{{1,10}})\s+- (?P<time>\d\d/\d\d/\d{{4}}, \d{{1,2}}:\d\d:\d\d [AP]M)\s+"
    rf"(?P<level>LOG|VERBOSE|{_LEVEL}) (?:\[(?P<logger>[^\]]+)\] )?(?P<message>.*)",
    re.DOTALL,
)
# logback's default: the time of the day, without a date.
_CLOCK = re.compile(rf"\d\d:\d\d:\d\d[.,]\d{{3}} (?=\[[^\]]{{1,80}}\] {_LEVEL}\s)")
# logging.BASIC_FORMAT
_BASIC = re.compile(rf"(?P<level>{_LEVEL}):(?P<logger>[A-Za-z_][\w.]*):(?P<message>.*)", re.DOTALL)
_ACCESS = re.compile(
    r"(?:\[[\w.]+\] )?(?P<address>\S+?)(?::(?P<port>\d{1,5}))?"
    # Only aiohttp has no dash before its time.
    r"(?: - (?:\S+ \[(?P<time>[^\]]*)\] )?| \[(?P<start>[^\]]*)\] )"
    # Hypercorn writes the version alone.
    r'"(?P<method>[A-Z-]+) (?P<target>\S+)(?: (?:HTTP/)?[\d.]+)?" (?P<status>\d{3})\b'
)
_TORNADO = re.compile(
    r"(?P<status>\d{3}) (?P<method>[A-Z]+) (?P<target>\S+) \((?P<address>[^()\s]+)\) [\d.]+ms"
)
_REQUEST = re.compile(r'HTTP/\d(?:\.\d)?" \d{3}\b')
# gunicorn/glogging.py: time, process and level, each in brackets.
_GUNICORN = re.compile(rf"\[\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}}\] \[\d{{1,10}}\] \[{_LEVEL}\] ")
_LIFECYCLE = re.compile(
    r"(?:Started|Finished|Stopping) (?:server|parent|reloader) process"
    r"|Waiting for (?:connections|background tasks)"
    r"|(?:Waiting for )?[Aa]pplication (?:startup|shutdown)|Uvicorn running|Shutting down|Child process"
    r"|Starting gunicorn|Booting worker|Worker exiting|Listening at|Handling signal|Will watch for changes"
)
# Those of a process that ends (uvicorn/server.py, uvicorn/supervisors/, gunicorn/arbiter.py).
_STOPPING = re.compile(
    r"(?:Finished|Stopping) (?:server|parent|reloader) process|Waiting for (?:connections|background tasks)"
    r"|(?:Waiting for )?[Aa]pplication shutdown|Shutting down|Child process|Worker exiting"
    r"|Handling signal: (?:term|int|quit)"
)
_TRACEBACK_START = "Traceback (most recent call last):"
_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):|\s+\S|[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b"
)
# An indented row of a table, as `kubectl describe` prints events.
_ROW = re.compile(r"\s+\S+ {2,}\S+ {2,}\S")
_JSON_KEYS = {
    "time": ("time", "timestamp", "@timestamp", "asctime", "ts", "datetime", "date", "created"),
    "level": ("level", "levelname", "severity", "log.level", "lvl"),
    "logger": ("logger", "name", "logger_name", "log.logger", "target"),
    "message": ("message", "msg", "event", "log"),
    "pid": ("pid", "process", "process_id"),
    # zap, zerolog and logrus write the error beside the message, pino as an object.
    "error": ("error", "err", "error.message"),
    "trace": ("exc_info", "exception", "traceback", "stack_trace", "error.stack_trace", "stack"),
}
# Numbers of levels in pino's and bunyan's logs (getpino.io, docs/api, `logger.levels`).
_NUMBERED_LEVELS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
_SAMPLE_LINES = 200
# A program writes the lines of a record at once; a collector may take them up within this time, by choice.
_AT_ONCE_US = 1_000_000
# Different lines whose reading is remembered.
_REMEMBERED = 1 << 10
_TEXT_BYTES = 4096
# Names of logs that need not be named like their service.
_NAMES = ("app.log*", "app[-_]*.log*", "uvicorn.log*", "uvicorn[-_]*.log*")
# Words by which programs and people name a log after what it holds, and not after the service that wrote it.
_NO_SERVICE = re.compile(
    r"(?:^|[-_.])(?:access|audit|cloudwatch|console|debug|describe|development|err|errors?|events|journal|kern|lambda|logs?"
    r"|messages|out|output|paste|production|staging|stderr|stdout|syslog|test|trace)(?:$|[-_.])",
    re.IGNORECASE,
)
# Names of files with pasted lines; prose, code and data have endings of their own.
_ROTATED = re.compile(r"[.-][\d.-]+$")
_TEXT_ENDINGS = {"", ".log", ".txt", ".out", ".err"}
_ERROR_LEVELS = {"ERROR", "CRITICAL", "FATAL", "EXCEPTION", "CRIT", "ALERT", "EMERG"}


class _Record(NamedTuple):
    """The start of a record: its fields, and the message without continuation lines.

    Syslog, journald or a container runtime received it from ``program`` at ``received`` (microseconds).
    """

    fields: dict[str, object]
    message: str
    received: int | None = None
    program: str | None = None


def looks_like(raw: RawFile) -> bool:
    """Return True when the content is text that an application may have logged."""
    lines = [line for line in map(unpadded, raw.head(_TEXT_BYTES).split(b"\n")) if line.strip()]
    # A line may be damaged; nearly every line of UTF-16 text and of binary files has NUL bytes.
    return sum(b"\0" in line for line in lines) <= len(lines) // 2


def looks_like_uvicorn(raw: RawFile) -> bool:
    """Return True when one of the first lines is a request or a start of uvicorn, or any line of gunicorn."""
    lines = (line for line in split_lines(raw.head()) if line.strip())
    for line in islice(lines, _SAMPLE_LINES):
        text = _ANSI.sub("", decoded(unpadded(line)))
        rest = text[container_prefix(text).size :]
        record = _stock_record(rest)
        if record is not None and (_ACCESS.match(record.message) or _LIFECYCLE.match(record.message)):
            return True
        if _GUNICORN.match(rest):
            return True
    return False


def lifecycle_state(text: str) -> str:
    """Return ``stops`` for a lifecycle message of a process that ends, else ``starts``."""
    return "stops" if _STOPPING.match(text) else "starts"


def is_plain_text(raw: RawFile) -> bool:
    """Return True for a file that is named like a text and holds lines of text."""
    return PurePath(_ROTATED.sub("", raw.name)).suffix in _TEXT_ENDINGS and looks_like(raw)


def looks_known(raw: RawFile) -> bool:
    """Return True for text with a record that states its level, or a line that a known program writes.

    A JSON document that no other reader knows quotes such lines, such as the state of Consul's checks.
    """
    if not (is_plain_text(raw) or (raw.name.endswith(".json") and looks_like(raw))):
        return False
    lines = islice((line for line in split_lines(raw.head()) if line.strip()), _SAMPLE_LINES)
    return any(_record(text, raw)[1].fields.get("level") or _is_known(text) for text in map(decoded, lines))


def _is_known(text: str) -> bool:
    """Return whether a known program writes a line; requests belong to an access log of any format."""
    is_known = text.startswith(_TRACEBACK_START) or known_message(text) is not None
    return is_known and not _REQUEST.search(text)


def read_app_log(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``app_log`` and the retrieval of an application's log.

    Tracebacks and indented lines are joined to the record before; other lines without a time are records of
    their own.
    """
    return _read(raw, "app_log", lambda text: True)


def read_known_lines(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the lines of an unknown text that known programs wrote, as ``app_log``, and the retrieval.

    The text is such as the output of ``journalctl``. Lines without a time, a level and a known message are
    rejected.
    """
    return _read(raw, "known_lines", _is_known)


def _read(raw: RawFile, source: str, is_record: Callable[[str], bool]) -> tuple[pd.DataFrame, Retrieval]:
    """Return the records of a file; a line that begins none is one if the function says so."""
    account = TextAccounting(raw, source, "app_log")
    # A file that is recognised by its content is usually named like its service.
    stem = "" if name_fits(raw.name, _NAMES) else Path(raw.name).stem
    service = raw.service("app") or raw.service("uvicorn") or ("" if _NO_SERVICE.search(stem) else stem)

    def add(at: int, record: _Record, further: list[str]) -> None:
        message = "\n".join([record.message, *further])
        row = {**record.fields, **_reading(record.message, record.fields.get("level"), message)}
        account.add({"file": raw.relative, "line": at, "service": service, **row})

    last: tuple[int, _Record, list[str]] | None = None
    # Lines that begin no record, without their prefixes: an error that repeats has the same traceback again.
    known: dict[bytes, _Record] = {}
    for at, line in account.lines_of(raw.content.data):
        begins, record = False, known.get(line)
        if record is None:
            text = _ANSI.sub("", decoded(unpadded(line)))
            if not text.strip(" \t\0"):
                account.blank_lines += 1
                continue
            begins, record = _record(text, raw)
            if not begins and len(known) < _REMEMBERED:
                known[line] = record
        if not begins and last is not None and _continues(record, last[1], bool(last[2])):
            last[2].append(record.message)
            account.joined_lines += 1
        elif begins or is_record(record.message):
            if last is not None:
                add(*last)
            last = at, record, []
        else:
            account.reject(at, note("reject-unknown-line"), line)
    if last is not None:
        add(*last)
    return account.finish(["time"])


def _continues(line: _Record, record: _Record, under_way: bool) -> bool:
    """Return True when a line without a record's start belongs to the record before.

    Lines after an error and lines of a traceback do; other plain text, such as a ``print``, is a record of
    its own, and so is a row of a table and a line of another program or moment.
    """
    if line.program not in (None, record.program):
        return False
    if line.received is not None and line.received - (record.received or line.received) > _AT_ONCE_US:
        return False
    if _ROW.match(line.message) and _ROW.match(record.message):
        return False
    has_failed = record.fields.get("level") in _ERROR_LEVELS
    return under_way or has_failed or bool(_TRACEBACK.match(line.message))


def _record(text: str, raw: RawFile) -> tuple[bool, _Record]:
    """Return whether a line begins a record or may continue one, and the record without prefixes."""
    prefix = container_prefix(text)
    rest = text[prefix.size :]
    record = _json_record(rest, raw) or _stock_record(rest) or _nest_record(rest, raw)
    record = record or _timed_record(rest, raw)
    if record is None and (access := _ACCESS.match(rest)):
        record = _Record({"time": microseconds(access["time"] or access["start"], raw.zone)}, rest)
    begins, record = record is not None, record or _Record({}, rest)
    received = None if prefix.time is None else microseconds(prefix.time, raw.zone)
    if record.fields.get("time") is None and received is not None:
        record.fields["time"] = received
    if prefix.service is not None:
        record.fields["service"] = prefix.service
    if prefix.program is not None and record.fields.get("extra") is None:
        # As `journalctl -o json` names it.
        record.fields["extra"] = json.dumps({"SYSLOG_IDENTIFIER": prefix.program})
    return begins, record._replace(received=received, program=prefix.program)


def _json_record(text: str, raw: RawFile) -> _Record | None:
    if not text.startswith("{"):
        return None
    try:
        value = json_value(text)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("fields"), dict):
        # The `tracing` of Rust writes the message among its fields.
        value = {**value.pop("fields"), **value}
    inner = value.get("log")
    if isinstance(inner, str) and "stream" in value:
        return _wrapped_record(inner.rstrip("\n"), value.get("time"), raw)
    keys = {
        name: next((key for key in candidates if value.get(key) not in (None, "")), "")
        for name, candidates in _JSON_KEYS.items()
    }
    found = {name: value.get(key) for name, key in keys.items()}
    message, further = text, {}
    if isinstance(found["message"], str):
        message = found["message"]
        error = found["error"].get("message") if isinstance(found["error"], dict) else found["error"]
        if isinstance(error, str) and error not in message:
            message = f"{message}: {error}" if message else error
        stated = {key for key in keys.values() if key != keys["error"] or isinstance(value.get(key), str)}
        further = {key: one for key, one in value.items() if key not in stated}
    if isinstance(found["trace"], str):
        message += "\n" + found["trace"].rstrip("\n")
    level = found["level"]
    level = _NUMBERED_LEVELS.get(level) if isinstance(level, int) else level
    fields: dict[str, object] = {
        "time": microseconds(found["time"], raw.zone),
        "level": level.upper() if isinstance(level, str) else None,
        "logger": found["logger"] if isinstance(found["logger"], str) else None,
        "pid": found["pid"] if isinstance(found["pid"], int) and found["pid"] <= LARGEST_WHOLE else None,
        "extra": json.dumps(further, sort_keys=True, ensure_ascii=False) if further else None,
    }
    return _Record(fields, message)


def _wrapped_record(text: str, time: Any, raw: RawFile) -> _Record | None:
    """Return the record inside a line of Docker's json-file driver, at the driver's time if it has none."""
    begins, record = _record(text, raw)
    if not begins and _TRACEBACK.match(record.message):
        return None
    if record.fields.get("time") is None:
        # Parsed only if needed, because parsing takes a seventh of the time of a line.
        record.fields["time"] = microseconds(time)
    return record


def _stock_record(text: str) -> _Record | None:
    found = _BASIC.fullmatch(text) or _STOCK.fullmatch(text)
    if found is None:
        return None
    fields: dict[str, object] = {"level": found["level"]}
    if "logger" in found.groupdict():
        fields["logger"] = found["logger"]
    return _Record(fields, found["message"].strip())


def _nest_record(text: str, raw: RawFile) -> _Record | None:
    found = _NEST.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.strptime(found["time"], "%m/%d/%Y, %I:%M:%S %p").replace(tzinfo=raw.zone)
    except ValueError:
        return None
    time = microseconds(moment.isoformat(), raw.zone)
    fields = {"time": time, "level": found["level"], "pid": int(found["pid"]), "logger": found["logger"]}
    return _Record(fields, found["message"])


def _timed_record(text: str, raw: RawFile) -> _Record | None:
    start = _START.match(text)
    if start is None:
        clock = _CLOCK.match(text)
        if clock is None:
            return None
        fields, rest = _fields_before(text[clock.end() :])
        return _Record({**fields}, rest)
    moment = _moment(start["time"], raw.zone)
    if moment is None:
        return None
    fields, rest = _fields_before(text[start.end() :])
    return _Record({"time": moment, **fields}, rest)


@lru_cache(maxsize=_REMEMBERED)  # many records of a busy application are of the same millisecond
def _moment(text: str, zone: tzinfo) -> int | None:
    if text[:1].isalpha():
        day, clock, year = text[4:10], text[11:-5], text[-4:]
        try:
            text = f"{datetime.strptime(f'{day} {year}', '%b %d %Y'):%Y-%m-%d} {clock}"
        except ValueError:
            return None
    return microseconds(text.replace("UTC", "Z").replace(" Z", "Z"), zone)


@lru_cache(maxsize=_REMEMBERED)
def _fields_before(rest: str) -> tuple[Mapping[str, object], str]:
    """Return the fields between the time and the message of a line, and the message."""
    fields: dict[str, object] = {}
    if thread := _THREAD.match(rest):
        rest = rest[thread.end() :]
    for _ in range(4):
        for name, pattern in _FIELDS:
            found = pattern.match(rest) if name not in fields else None
            # An access record begins with an address, which would otherwise match as a logger's name.
            if found is not None and not (name == "logger" and _ACCESS.match(rest)):
                fields |= {
                    key: int(value) if key == "pid" else value for key, value in found.groupdict().items()
                }
                if "level" in fields:
                    fields["level"] = str(fields["level"]).upper()
                rest = rest[found.end() :]
                break
    return fields, rest


@lru_cache(maxsize=_REMEMBERED)
def _reading(first: str, level: object, message: str) -> Mapping[str, object]:
    """Return the kind of a message, whose first part has the log's level, and the parts of an access line."""
    access = _ACCESS.match(first) or _TORNADO.fullmatch(first)
    if access is not None:
        port = access.groupdict().get("port")
        return {
            "message": message,
            "kind": "access",
            "client_addr": access["address"].strip("[]"),
            "client_port": int(port) if port else None,
            "method": access["method"],
            "path": access["target"].partition("?")[0],
            "status": int(access["status"]),
        }
    if level in _ERROR_LEVELS or "Traceback (most recent call last)" in message:
        kind = "error"
    else:
        kind = "lifecycle" if _LIFECYCLE.match(first) else "application"
    return {"message": message, "kind": kind}
