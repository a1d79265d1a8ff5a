"""Logged errors by origin: the function, the API that it calls, or the message; and lines before timeouts."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from watchme_analysis.aws_shapes.lambda_messages import without_runtime_prefix
from watchme_analysis.files.lines import split_text
from watchme_analysis.redact import redacted, shortened
from watchme_analysis.text.message import Choice, Message, TimeSpan, message

if TYPE_CHECKING:
    import pandas as pd

# Columns that identify a log event. CloudWatch documents `@ptr` as the argument of GetLogRecord, not as equal
# in the results of two queries.
EVENT = ("log_group", "log_stream", "time", "request_id", "message")
KINDS = (
    "receipt",
    "function",
    "timeout",
    "unreachable",
    "overload",
    "server_error",
    "message",
    "code_or_message",
    "other",
)
# Longest quotation of a logged line in an example, in characters.
_LONGEST_EXAMPLE = 200
# Level before an error, and the Node.js runtime's prefix of an uncaught exception.
_LEVEL = re.compile(r"^(\[[A-Z]+\]|ERROR|CRITICAL|FATAL)\s+(Invoke Error\s+|Uncaught Exception\s+)?")
_TRACEBACK = "Traceback (most recent call last)"
# Parts in which two occurrences of an error differ: addresses, IDs and numbers.
_VARYING = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,}|\d+", re.IGNORECASE
)
# Longest quotation of an error in a headline, in characters.
_QUOTED = 200
# The first match wins, so more specific patterns come first. Each kind is a possible location of the fault.
_PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # The visibility timeout ended before the consumer deleted or extended the message:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
    (
        "receipt",
        (
            r"receipt handle has expired|ReceiptHandleIsInvalid|InvalidReceiptHandle|MessageNotInflight",
            r"not available for visibility timeout change|parameter ReceiptHandle is invalid",
        ),
    ),
    # JSON.parse of V8 names a body that is no JSON a SyntaxError, which is otherwise one of the code. The
    # body may be of the message or of a response:
    # https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Errors/JSON_bad_parse
    ("code_or_message", (r"is not valid JSON|in JSON at position \d|Unexpected end of JSON input",)),
    # The runtime did not reach or could not load the handler, or the process crashed.
    (
        "function",
        (
            r"Runtime\.(ImportModule|HandlerNotFound|UserCodeSyntax|MalformedHandler|Exit|OutOfMemory|Invalid)",
            r"ImportError|ModuleNotFoundError|No module named|cannot import name|SyntaxError",
            r"Runtime exited|signal: killed|MemoryError|out of memory|Extension\.Crash|Init error",
        ),
    ),
    # A resource of the execution environment is exhausted: disk, file descriptors, memory, threads.
    (
        "function",
        (
            r"No space left on device|Too many open files|No file descriptors available"
            r"|Cannot allocate memory|can't start new thread",
        ),
    ),
    # The code runs without permission: credentials and permissions belong to the function.
    (
        "function",
        (
            r"AccessDenied|not authorized to perform|UnauthorizedOperation|NoCredentials",
            r"InvalidClientTokenId|ExpiredToken|\b(401|403) Client Error|Unauthorized for url",
            r"Forbidden for url",
        ),
    ),
    # AWS itself is seldom down: the network of the function has no way to it, such as a VPC without NAT
    # gateway or endpoint (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html).
    (
        "function",
        (
            r"(Connect timeout on|Could not connect to the) endpoint URL: \W{0,2}https://[\w.-]+\.amazonaws\.com",
        ),
    ),
    ("timeout", (r"Task timed out|Read ?Timeout|Read timed out|504 Server Error|Gateway Time-?out",)),
    (
        "unreachable",
        (
            r"Connect(ion)? ?Timeout|Connection ?Refused|ECONNREFUSED|NewConnectionError|Connection ?Reset",
            r"ECONNRESET|RemoteDisconnected|Connection aborted|Name or service not known|gaierror",
            r"NameResolution|ENOTFOUND|No route to host|Network is unreachable|EHOSTUNREACH|ConnectionError",
            r"502 Server Error|503 Server Error|Bad Gateway|Service Unavailable|SSLError|ProxyError",
            # A database that accepts no more, or no, connections.
            r"OperationalError|could not connect to server|connection slots are reserved",
            r"Too many connections",
        ),
    ),
    ("overload", (r"\b429\b|Too Many Requests|Rate ?Exceeded|Throttl|ThroughputExceeded|\(?SlowDown\)",)),
    ("server_error", (r"\b5\d\d Server Error|Internal Server Error|status[_ ]?(code)?[=: ]+5\d\d",)),
    (
        "message",
        (
            r"\b4\d\d Client Error|status[_ ]?(code)?[=: ]+4\d\d|NoSuchKey|FileNotFound|does not exist",
            r"JSONDecodeError|Expecting value|Validation ?Error|UnicodeDecodeError|Unprocessable",
        ),
    ),
    ("timeout", (r"Timeout(Error|Exception)?\b|timed out",)),
    # A Python error can be the fault of the code or of the message; only the share of failures separates
    # them.
    (
        "code_or_message",
        (
            r"\b(Key|Type|Attribute|Name|Value|Index|ZeroDivision|Assertion|UnboundLocal)Error\b",
            # SQLSTATE class 23 in the words of databases and of their libraries: what a message holds, or
            # what the code makes of it, contradicts what is stored.
            r"SQLSTATE\[23|IntegrityError|integrity constraint|unique constraint|duplicate key|RecordInvalid",
        ),
    ),
)
_KINDS = tuple((kind, re.compile("|".join(parts), re.IGNORECASE)) for kind, parts in _PATTERNS)
# Errors of a caller that sent its request and lost the connection, or whose gateway got no response.
_LOST_RESPONSE = re.compile(
    r"Connection ?(Reset|aborted)|ECONNRESET|RemoteDisconnected|IncompleteRead|Broken ?Pipe|EPIPE"
    r"|socket hang up|502 Server Error|Bad Gateway",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 10)  # many messages fail with the same error
def error_kind(text: str) -> str:
    """Return the kind of an error's type and message, with traceback: a key of :data:`KINDS`."""
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), "other")


def leaves_outcome_open(text: str) -> bool:
    """Return whether the work may have been done although an invocation ended with this error.

    A message is deleted after its work. The caller stopped waiting for a response, which says nothing about
    the called service: it may have completed the request. A connection that was refused or never made
    carried no request.
    """
    return error_kind(text) in ("timeout", "receipt") or _LOST_RESPONSE.search(text) is not None


def error_words(text: str) -> str:
    """Return an error's text on one line without time, request ID and level, and with secrets masked."""
    lines = [line.strip() for line in split_text(text) if line.strip()]
    at = next((place for place, line in enumerate(lines) if line.startswith(_TRACEBACK)), None)
    # A traceback ends with the error; the runtime puts the error first.
    line = "" if not lines else lines[-1] if at == 0 else lines[0]
    line = without_runtime_prefix(" ".join(line.split()))
    line = without_runtime_prefix(_LEVEL.sub("", line))
    line = redacted(_of_json(_LEVEL.sub("", line)))
    return line if len(line) <= _QUOTED else f"{line[: _QUOTED - 1]}…"


def _of_json(line: str) -> str:
    """Return type and message of an error that the runtime wrote as JSON; any other line unchanged."""
    if not line.startswith("{"):
        return line
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    parts = [found.get(name) for name in ("errorType", "errorMessage")] if isinstance(found, dict) else []
    return ": ".join(" ".join(str(part).split()) for part in parts if part) or line


@dataclass(frozen=True)
class LoggedErrors:
    """The errors that a function logged within a window.

    Attributes
    ----------
    counts
        Number of errors by kind, each log event counted once.
    examples
        The first line of an example by kind.
    total
        Number of errors.
    truncated
        True when the query matched more events than it returned.
    first, last
        Time of the first and of the last error.
    requests
        Number of distinct requests that logged them, 0 where the log has no request ids.
    leading, leading_count
        The text of the most common error, and the number of its log events. Errors that differ only in
        numbers and IDs count as the same error.
    open_outcomes
        Number of errors after which the work may have been done; see :func:`leaves_outcome_open`.
    """

    counts: Counter[str]
    examples: dict[str, str]
    total: int
    truncated: bool
    first: datetime | None = None
    last: datetime | None = None
    requests: int = 0
    leading: str = ""
    leading_count: int = 0
    open_outcomes: int = 0

    def share(self, *kinds: str) -> float:
        """Return the share of these kinds among all errors, 0 without errors."""
        return sum(self.counts[kind] for kind in kinds) / self.total if self.total else 0.0

    @property
    def main(self) -> str | None:
        """The most common kind; None without errors."""
        return self.counts.most_common(1)[0][0] if self.total else None

    @property
    def covered(self) -> Message | None:
        """The sentence of :func:`errors_covered` on these errors."""
        return errors_covered(self.first, self.last, self.requests, is_cut=self.truncated)


def errors_covered(
    first: datetime | None, last: datetime | None, requests: int, *, is_cut: bool
) -> Message | None:
    """Return the sentence on the time and the requests that logged errors cover; None without times."""
    if first is None:
        return None
    return message(
        "errors-covered",
        part=Choice("cut" if is_cut else "all"),
        span=TimeSpan(first, last),
        counted=Choice("known" if requests else "unknown"),
        requests=requests,
    )


def _lacks_errors(log_events: pd.DataFrame, queries: pd.DataFrame) -> bool:
    """Return True when errors may be missing because queries reached their limits.

    A sample, such as the first lines of a function, ends at its limit on purpose. It shows no gap where the
    queries that returned all of their rows hold its errors as well.
    """
    cut = queries["truncated"].fillna(False)
    if not cut.any() or cut.all():
        return bool(cut.any())
    errors = log_events[log_events["kind"].isin(["error", "timeout"])]

    def found_by(names: pd.Series) -> set[tuple[object, ...]]:
        rows = errors.loc[errors["query_name"].isin(names), ["function", "time", "message"]]
        return set(rows.itertuples(index=False, name=None))

    whole = found_by(queries.loc[~cut, "query_name"])
    return not whole or not found_by(queries.loc[cut, "query_name"]) <= whole


def logged_errors(
    log_events: pd.DataFrame,
    log_queries: pd.DataFrame,
    function: str | None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> LoggedErrors:
    """Return the errors that a function logged in a window by kind, each log event counted once."""
    import pandas as pd

    is_cut = bool(function) and _lacks_errors(log_events, log_queries[log_queries["function"] == function])
    own = log_events["function"] == function
    is_error = own & log_events["kind"].isin(["error", "timeout"])
    # A REPORT line states how its invocation ended, which counts where no other line of it does.
    told = log_events.loc[is_error, "request_id"].dropna()
    is_error |= (
        own
        & log_events["kind"].eq("report")
        & log_events["error_type"].notna()
        & ~log_events["request_id"].isin(told)
    )
    events = log_events.loc[is_error, [*EVENT, "error_type", "kind"]].drop_duplicates([*EVENT])
    events["message"] = events["message"].mask(events["kind"].eq("report"))
    if start is not None:
        events = events[events["time"] >= start]
    if end is not None:
        events = events[events["time"] < end]
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    kinds: dict[tuple[str, str], str] = {}
    alike: Counter[str] = Counter()
    words: dict[str, str] = {}
    open_outcomes = 0
    said = events[["error_type", "message"]].fillna("")
    for (name, logged), number in said.value_counts().items():
        text = str(logged) if name in logged else f"{name} {logged}"
        kind = kinds[name, logged] = error_kind(text)
        counts[kind] += int(number)
        open_outcomes += int(number) if leaves_outcome_open(text) else 0
        first_line = without_runtime_prefix(" ".join(text.split("\n", 1)[0].split()))
        if kind not in examples:
            examples[kind] = shortened(first_line, _LONGEST_EXAMPLE)
        quoted = error_words(text)
        shape = _VARYING.sub("#", quoted)
        alike[shape] += int(number)
        words.setdefault(shape, quoted)
    leading = alike.most_common(1)[0][0] if alike else ""
    first, last = events["time"].min(), events["time"].max()
    return LoggedErrors(
        counts,
        examples,
        int(sum(counts.values())),
        is_cut,
        None if first is pd.NaT else first.to_pydatetime(),
        None if last is pd.NaT else last.to_pydatetime(),
        int(events["request_id"].nunique()),
        words.get(leading, ""),
        alike[leading],
        open_outcomes,
    )


_CALL = re.compile(r"https?://|\b(GET|POST|PUT|PATCH|DELETE|HEAD)\s+\S*/", re.IGNORECASE)


# A call that a log line names; not those to AWS itself, such as to the queue's URL.
_CALLED = r"(https?://)(?:[^\s/@]*@)?(?![^/\s]*\.amazonaws\.com)([^\s/?#\"'<>]+)(/[^\s?#\"'<>]*)?"


def called_api(log_events: pd.DataFrame, function: str | None) -> str | None:
    """Return the URL of the API that most log lines of a function name, None where they name no single API.

    The path is left out where it varies.
    """
    messages = log_events.loc[log_events["function"] == function, "message"].dropna()
    calls = messages.str.extract(_CALLED).dropna(subset=[1])
    hosts = (calls[0] + calls[1]).value_counts()
    if hosts.empty or hosts.iloc[0] <= hosts.sum() / 2:
        return None
    paths = calls.loc[calls[0] + calls[1] == hosts.index[0], 2].fillna("").unique()
    return f"{hosts.index[0]}{paths[0] if len(paths) == 1 else ''}"


@dataclass(frozen=True)
class TimeoutLogs:
    """Invocations that timed out, by their last log line.

    ``calling`` waited for the response of a call that the line names; ``before_call`` did not reach the call
    that successful invocations log. ``lines`` are pointers of these lines.
    """

    calling: int = 0
    before_call: int = 0
    lines: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of classified invocations."""
        return self.calling + self.before_call


def read_timeout_logs(
    log_events: pd.DataFrame,
    function: str | None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> TimeoutLogs:
    """Return the last log lines of the invocations that timed out between two times; open where None.

    Only invocations with a START line count, because the first lines of others may be outside the query.
    Invocations without a call are classified only if successful invocations of the same log name a call.
    """
    # Most functions time out never, and to put all of a log's lines in order takes long.
    if not ((log_events["function"] == function) & (log_events["kind"] == "timeout")).any():
        return TimeoutLogs()
    is_own = (log_events["function"] == function) & log_events["request_id"].notna()
    own = log_events.loc[is_own, [*EVENT, "ptr", "kind"]]
    own = own.drop_duplicates([*EVENT]).sort_values("time", kind="stable")
    late = own[own["kind"] == "timeout"]
    if start is not None:
        late = late[late["time"] >= start]
    if end is not None:
        late = late[late["time"] < end]
    begun = set(own.loc[own["kind"] == "start", "request_id"])
    timed_out = set(late["request_id"]) & begun
    if not timed_out:
        return TimeoutLogs()
    lines = own[own["kind"] == "application"]
    calls = lines["message"].fillna("").map(lambda text: _CALL.search(text) is not None).astype(bool)
    last = lines.groupby("request_id")["ptr"].last()
    calling = set(lines.loc[calls & lines["ptr"].isin(set(last)), "request_id"]) & timed_out
    good = set(lines.loc[calls, "request_id"]) - set(
        own.loc[own["kind"].isin(["timeout", "error"]), "request_id"]
    )
    silent = timed_out - set(lines.loc[calls, "request_id"]) if good else set()
    ends = late[late["request_id"].isin(calling | silent)].groupby("request_id")["ptr"].last()
    return TimeoutLogs(len(calling), len(silent), tuple(sorted(ends)))
