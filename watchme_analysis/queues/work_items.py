"""Work that messages name: done by the log or the counters, moved to a DLQ, and never done."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.aws_shapes.work_keys import learned_keys
from watchme_analysis.config import LogWords, WorkItemSettings, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.json_values import read_json
from watchme_analysis.queues.anomalies import QueueAnalysis, analyse_queues
from watchme_analysis.queues.dlq_stock import from_before
from watchme_analysis.queues.error_kinds import error_kind
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR, Pipeline, Tables, once_per_case
from watchme_analysis.queues.retries import retries
from watchme_analysis.queues.standing import LOST_POINTS
from watchme_analysis.safe_regex import compiled
from watchme_analysis.text.message import Translated
from watchme_analysis.window import parse_time, parse_zone

if TYPE_CHECKING:
    import pandas as pd

_VALUE = r"[\"']?\s*[=:]\s*[\"']?"
_MESSAGE = re.compile(rf"message_?id{_VALUE}([0-9a-f-]{{36}})", re.IGNORECASE)
# Part of each text in which _MESSAGE finds an ID.
_NAMES_MESSAGE = "message_?id"
# Kinds of log events of an invocation that failed, and of one that ended.
_FAILED, _ENDED = ("error", "timeout"), ("end", "report")
# Usual words of a line that says that work was done, and words by which it says something else.
_DONE = (
    r"\b(?:processed|completed?|done|finished|succeeded|success(?:ful(?:ly)?)?|stored|saved|written|inserted"
    r"|uploaded)\b"
)
_NOT_DONE = re.compile(
    r"\b(?:no|not|never|nothing|cannot|without|unable|false|(?<![.\d])0(?![.\d])|un\w+|\w+n't|will|going"
    r"|about|to be|being|if|when|until|before|wait\w*|retr\w+|start\w*|begin\w*|receiv\w*|skip\w*"
    r"|ignor\w*|discard\w*|drop\w*|duplicate\w*|already|fail\w*|error\w*|partial\w*)\b|ません|ない|未|スキップ|失",
    re.IGNORECASE,
)
# Data within a line: lists and texts in quotes; objects are cut from the first brace to the last.
_DATA = re.compile(r"\[[^\[\]]*\]|\"[^\"]*\"|'[^']*'")
# Characters of a line in which it says what was done.
_STATEMENT = 2000
# Keys of the text in a line that is a JSON object.
_TEXT_KEYS = ("message", "msg", "event")
_DONE_LEVELS = (None, "INFO", "DEBUG", "TRACE")
# Longest delay in seconds between the end of the visibility timeout and the receive without a backlog.
SLOW_POLL_S = 60.0


@once_per_case
def work_item_settings(tables: Tables) -> WorkItemSettings:
    """Return how messages of a case name their work, with keys that its settings leave open as learned.

    Without a case, the settings are those of ``watchme.toml``.
    """
    case = getattr(tables, "case", tables)
    found: WorkItemSettings | None = getattr(case, "work_items", None)
    settings = load_config().work_items if found is None else found
    return learned_keys(settings, tables.table("queue_messages")["body"].dropna())


def unit_of(settings: WorkItemSettings) -> Translated:
    """Return what the value of an item key is called."""
    return Translated(settings.unit_en, settings.unit_ja)


def first_of(content: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the first value that is present under one of the keys; None without any."""
    return next((content[key] for key in keys if content.get(key) is not None), None)


def _in_logs(keys: Iterable[str], value: str) -> re.Pattern[str]:
    """Return a pattern that finds a value after one of the keys, in any spelling, in a log message.

    Without keys, it finds nothing.
    """
    names = "|".join(map(_any_spelling, keys)) or "(?!)"
    return re.compile(rf"(?:{names}){_VALUE}({value})", re.IGNORECASE)


def _any_spelling(key: str) -> str:
    """Return a pattern of a name in snake and in camel case, for a pattern without regard to case."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).split("_")
    return "_?".join(map(re.escape, words))


@dataclass(frozen=True)
class Done:
    """Work named by successful invocations: message IDs, and (function, item, day or moment).

    ``stated`` are the IDs of messages of which a line says that their work was done.
    """

    messages: frozenset[str] = frozenset()
    work: frozenset[tuple[str, str, str]] = frozenset()
    stated: frozenset[str] = frozenset()

    def has(self, message_id: Any, function: str | None, item: str | None, key: str | None) -> bool:
        """Return whether an invocation with this message, or another message of the same work, succeeded."""
        if str(message_id) in self.messages:
            return True
        return item is not None and key is not None and (function or "", item, moment_key(key)) in self.work


def work_done(tables: Tables) -> Done:
    """Return the work of the invocations that succeeded according to the function's log.

    Records are joined by request ID. A successful invocation named the message or the work, ended, and logged
    neither an error nor a timeout, nor does its REPORT line state one.
    """
    events = tables.table("log_events")[["request_id", "kind", "function", "message", "level", "error_type"]]
    events = events.dropna(subset=["request_id"])
    if events.empty:
        return Done()
    requests, kinds, errors = (
        events[name].to_numpy(object, na_value=None).tolist() for name in ("request_id", "kind", "error_type")
    )
    failed = {
        request
        for request, kind, error in zip(requests, kinds, errors, strict=True)
        if kind in _FAILED or (kind in _ENDED and error is not None)
    }
    ended = {request for request, kind in zip(requests, kinds, strict=True) if kind in _ENDED} - failed
    reported = {request for request, kind in zip(requests, kinds, strict=True) if kind == "report"} - failed
    is_named = [
        kind == "application" and request in ended for request, kind in zip(requests, kinds, strict=True)
    ]
    # Several queries may have returned the same event.
    named = events.loc[is_named, ["request_id", "function", "message", "level"]].drop_duplicates()
    work_in = work_in_log(work_item_settings(tables))
    says = says_done(load_config().log_words)
    messages: set[str] = set()
    stated: set[str] = set()
    work: set[tuple[str, str, str]] = set()
    columns = (named[name].to_numpy(object, na_value=None).tolist() for name in named)
    for request, function, text, level in zip(*columns, strict=True):
        names = _message_ids(text or "")
        messages.update(names)
        if names and request in reported and says(text, level):
            stated.update(names)
        found = work_in(text or "")
        if found is not None:
            work.add((str(function), *found))
    return Done(frozenset(messages), frozenset(work), frozenset(stated))


def work_in_log(settings: WorkItemSettings) -> Callable[[str], tuple[str, str] | None]:
    """Return a function that finds the item and the day or moment of the work that a log message names."""
    item_in_log = _in_logs(settings.item_keys, r"[\w.:-]+")
    key_in_log = _in_logs((*settings.time_keys, *settings.day_keys), r"\d{4}-\d\d-\d\d[\dT:+.Z-]*")

    def work_in(text: str) -> tuple[str, str] | None:
        # Most log messages name no item.
        item = item_in_log.search(text)
        key = key_in_log.search(text) if item else None
        return (item[1], moment_key(key[1])) if item and key else None

    return work_in


def says_done(words: LogWords) -> Callable[[str, str | None], bool]:
    """Return a function of a line and its level that returns whether it says that work was done.

    A line that only names a message says nothing of its work: "received", "skipping". A warning proves
    nothing. Words in the data that a line shows do not count.
    """
    own = "|".join(map(re.escape, words.done))
    done = re.compile(f"{_DONE}|{own}" if own else _DONE, re.IGNORECASE)

    def says(text: str, level: str | None) -> bool:
        if level not in _DONE_LEVELS:
            return False
        if text[:1] == "{":
            content = json_value(text)
            found = first_of(content, _TEXT_KEYS) if isinstance(content, dict) else text
            text = found if isinstance(found, str) else ""
        text = text[:_STATEMENT]
        first, last = text.find("{"), text.rfind("}")
        statement = _DATA.sub(" ", text if first < 0 else f"{text[:first]} {text[max(first, last + 1) :]}")
        return done.search(statement) is not None and _NOT_DONE.search(statement) is None

    return says


class Failed(NamedTuple):
    """The error of a failed invocation: its type (``HTTPError``, ``Task timed out``) and its text."""

    type: str
    text: str


def failed_with(tables: Tables) -> dict[str, Failed]:
    """Return the error of the failed invocation by message ID, where one log names both."""
    events = tables.table("log_events")[["request_id", "kind", "error_type", "message"]]
    failed = events[events["kind"].isin(_FAILED)].dropna(subset=["request_id"])
    errors = map(Failed, failed["error_type"].fillna("").tolist(), failed["message"].fillna("").tolist())
    by_request: dict[str, Failed] = dict(zip(failed["request_id"].tolist(), errors, strict=True))
    named = events[events["message"].str.contains(_NAMES_MESSAGE, case=False, na=False)]
    named = named.drop_duplicates(["request_id", "message"], keep="last")
    found: dict[str, Failed] = {}
    for request, text in zip(named["request_id"].tolist(), named["message"].tolist(), strict=True):
        if request in by_request:
            found.update(dict.fromkeys(_MESSAGE.findall(text), by_request[request]))
    return found


def _message_ids(text: str) -> list[str]:
    # Most log messages name none, and the pattern takes ten times as long as to see that.
    folded = text.casefold()
    return _MESSAGE.findall(text) if "messageid" in folded or "message_id" in folded else []


@lru_cache(maxsize=1 << 14)  # the functions of a pipeline log the same moments
def moment_key(text: str) -> str:
    """Return a day unchanged, and a moment in UTC, so that equal moments of different zones are equal."""
    if len(text) == 10:
        return text
    try:
        return parse_time(text, parse_zone("UTC")).isoformat()
    except InputError:
        return text


def surely_ran(
    pipeline: Pipeline, returning_since: datetime | None = None
) -> Callable[[datetime | None], bool]:
    """Return a function that decides from counters if a DLQ message sent at a moment succeeded once.

    The message was received as often as the redrive policy allows. If every receive led to an invocation, and
    fewer invocations failed or were throttled in the message's lifetime than it had receives, at least one of
    its own invocations succeeded. The result is False for messages sent before the window, because some of
    their failed invocations are not counted. From ``returning_since`` on, the start of a redelivery without
    failures, the current visibility timeout applies.
    """
    settings, frame = pipeline.settings, pipeline.frame
    received, invoked, most = (
        pipeline.count("received"),
        pipeline.count("invocations"),
        settings.max_receive_count,
    )
    ran_all = max(invoked or 0.0, pipeline.count("deleted") or 0.0)
    visibility_s = settings.visibility_timeout_s or 0.0
    longest = max(visibility_s, ADVISED_VISIBILITY_FACTOR * (settings.function_timeout_s or 0.0))
    known = {"failed", "throttles", "received", "invocations"} <= pipeline.queried
    if not known or most is None or not received or not invoked or ran_all < 0.98 * received or not longest:
        return lambda _: False
    failed = (frame["failed"].fillna(0.0) + frame["throttles"].fillna(0.0)).cumsum().to_numpy()
    step, read_by = timedelta(seconds=pipeline.period_s), _read_by(pipeline)
    times: list[datetime] = list(frame.index.to_pydatetime())

    def until(bound: int) -> float:
        return float(failed[bound - 1]) if bound else 0.0

    def ran(sent_at: datetime | None) -> bool:
        if sent_at is None or sent_at < times[0]:
            return False
        returning = returning_since is not None and sent_at >= returning_since and visibility_s
        life_s = visibility_s + SLOW_POLL_S if returning else longest
        gone = sent_at
        for _ in range(most):
            gone = read_by(gone) + timedelta(seconds=life_s)
        first, last = bisect_left(times, sent_at - step), bisect_right(times, gone + step)
        return until(last) - until(first) < most

    return ran


def _read_by(pipeline: Pipeline) -> Callable[[datetime], datetime]:
    """Return a function that maps a moment to the next time at which no message was visible."""
    visible = pipeline.frame["visible"].ffill(limit=LOST_POINTS).fillna(0.0)
    empty: list[datetime] = list(visible.index[visible == 0].to_pydatetime())
    end = pipeline.frame.index[-1].to_pydatetime()

    def by(moment: datetime) -> datetime:
        place = bisect_left(empty, moment)
        return empty[place] if place < len(empty) else max(end, moment)

    return by


COLUMNS = (
    "queue", "state", "message_id", "work_item", "work_time", "work_date", "sent_at", "receive_count",
    "processed", "recoverable", "expires_at", "passed_retention", "before_window", "group_id",
    "deduplication_id", "body",
)  # fmt: skip
_AS_SENT = ("message_id", "work_item", "receive_count", "group_id", "deduplication_id", "body")
DEAD = "dead_lettered"
# Kinds of errors of unclear origin, and shares from which a function's errors apply to each of its messages.
UNCLEAR = ("code_or_message", "other")
NEARLY_ALL, ALL_FAILED = 0.95, 0.15


def message_work(tables: Tables, signs: tuple[QueueAnalysis, ...]) -> pd.DataFrame:
    """Return one row per message of the analysed queues and DLQs, with its work (:data:`COLUMNS`).

    ``state`` is ``dead_lettered`` or ``waiting``. ``processed`` is true where the log or the counters show
    that an invocation with this message, or another message of the same work, succeeded; else null.
    ``recoverable`` is true when a redrive can succeed, false when the error names a missing or unreadable
    input, null when unknown. ``expires_at`` is the time at which the queue drops the message, and
    ``passed_retention`` is true if that is before the end of the case. ``before_window`` is true for messages
    that were in the DLQ at the start of the window, which its metrics and logs do not cover.
    """
    import pandas as pd

    messages = tables.table("queue_messages").drop_duplicates(["queue", "message_id"], keep="last")
    settings = work_item_settings(tables)
    by_queue = {item.pipeline.queue: item for item in signs}
    by_dlq = {item.pipeline.dlq: item for item in signs if item.pipeline.dlq}
    done, failed = work_done(tables), failed_with(tables)

    @cache
    def ran_surely(queue: str) -> Callable[[datetime | None], bool]:
        item = by_queue[queue]
        return surely_ran(item.pipeline, None if item.redelivery is None else item.redelivery.start)

    ends = _end(tables, signs)
    old = {
        row for item in signs for row in from_before(messages, item.pipeline, item.balance.dead_letters.held)
    }
    rows = []
    # True for queues whose failures lie in the messages; computed once for each queue with messages.
    own_faults: dict[str, bool] = {}
    stated = messages.astype(object).where(messages.notna(), None).to_dict("records")
    for place, said in zip(messages.index, stated, strict=True):
        own = (
            by_queue.get(str(said["source_queue"]))
            or by_dlq.get(said["queue"])
            or by_queue.get(said["queue"])
        )
        if own is None:
            continue
        content = _content(said["body"])
        found = _message(said, content, own.pipeline, settings, ends)
        key = _key_of(content, settings) or found["work_time"] or found["work_date"]
        is_dead = found["state"] == DEAD
        ran = done.has(said["message_id"], own.pipeline.function, found["work_item"], key)
        ran = ran or (is_dead and ran_surely(own.pipeline.queue)(found["sent_at"]))
        error = failed.get(str(said["message_id"]))
        found["before_window"] = place in old
        found["processed"] = True if ran else None
        is_explained = is_dead and (place not in old or error is not None)
        found["recoverable"] = None
        if is_explained:
            if own.pipeline.queue not in own_faults:
                tried = retries(own)
                own_faults[own.pipeline.queue] = tried is not None and tried.lies_in_the_message
            fault = own_faults[own.pipeline.queue]
            found["recoverable"] = _recoverable(own, found["body"], error, own_fault=fault)
        rows.append(found)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    text = (
        "queue", "state", "message_id", "work_item", "work_time", "work_date", "group_id",
        "deduplication_id", "body",
    )  # fmt: skip
    return frame.astype(
        dict.fromkeys(text, "string")
        | {"receive_count": "Int64"}
        | dict.fromkeys(("processed", "recoverable", "passed_retention", "before_window"), "boolean")
        | dict.fromkeys(("sent_at", "expires_at"), "datetime64[us, UTC]")
    )


def _message(
    said: Mapping[str, Any],
    content: Mapping[str, Any],
    pipeline: Pipeline,
    settings: WorkItemSettings,
    ends: datetime | None,
) -> dict[str, Any]:
    """Return the columns that follow from a message itself, its content and its queue's settings."""
    is_dead = said["queue"] != pipeline.queue
    retention = pipeline.settings.dlq_retention_s if is_dead else pipeline.settings.retention_s
    sent_at = None if said["sent_at"] is None else said["sent_at"].to_pydatetime()
    expires = None if retention is None or sent_at is None else sent_at + timedelta(seconds=retention)
    moment, local = _work_of(content, said["work_key"], settings)
    return {
        "queue": pipeline.queue,
        "state": DEAD if is_dead else "waiting",
        "work_time": moment,
        "work_date": local,
        "sent_at": sent_at,
        "expires_at": expires,
        "passed_retention": None if expires is None or ends is None else expires <= ends,
    } | {name: said[name] for name in _AS_SENT}


def _end(tables: Tables, signs: tuple[QueueAnalysis, ...]) -> datetime | None:
    """Return the end of the case: of the selected window, else of the metrics."""
    window = getattr(tables, "window", None)
    if window is not None:
        return window.end  # type: ignore[no-any-return]
    ends = [
        item.pipeline.frame.index[-1].to_pydatetime() + timedelta(seconds=item.pipeline.period_s)
        for item in signs
        if len(item.pipeline.frame)
    ]
    return max(ends, default=None)


def _recoverable(
    signs: QueueAnalysis, body: str | None, error: Failed | None, *, own_fault: bool
) -> bool | None:
    """Return whether a DLQ message can succeed when redriven after the cause is removed; None when unknown.

    The message's own error counts most, else the error of nearly all failures of its function. If all
    invocations failed, the messages were not the cause. If the same messages failed at every attempt while
    others succeeded (``own_fault``), a message may be the cause, whatever its error.
    """
    if body is None:
        return None
    if error is not None:
        kind = error_kind(f"{error.type} {error.text}")
        return False if kind == "message" else None if kind in UNCLEAR or own_fault else True
    errors = signs.errors
    all_failed = signs.passed_share is not None and signs.passed_share <= ALL_FAILED
    if not errors.total:
        return True if all_failed or (signs.failures is None and signs.errors_counted) else None
    if errors.share("message") >= NEARLY_ALL:
        return False
    if own_fault:
        return None
    unclear = errors.share("message", *UNCLEAR)
    return True if all_failed or unclear <= 1.0 - NEARLY_ALL else None


def work_pairs(frame: pd.DataFrame) -> list[list[str]]:
    """Return the distinct pairs of item and moment of messages, sorted; without incomplete pairs.

    The local date stands for the moment of a message that states none.
    """
    return _pairs(frame.assign(when=frame["work_time"].fillna(frame["work_date"])), "when")


def day_pairs(frame: pd.DataFrame) -> list[list[str]]:
    """Return the distinct pairs of item and local date of messages, sorted; without incomplete pairs."""
    return _pairs(frame, "work_date")


def _pairs(frame: pd.DataFrame, column: str) -> list[list[str]]:
    named = frame.dropna(subset=["work_item", column])
    pairs = set(zip(named["work_item"], named[column], strict=True))
    return sorted([str(item), str(when)] for item, when in pairs)


def _content(body: str | None) -> dict[str, Any]:
    """Return the fields of a message's body; none of a body that is no JSON object."""
    if body is None:
        return {}
    try:
        parsed = read_json(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _work_of(
    content: Mapping[str, Any], key: str | None, settings: WorkItemSettings
) -> tuple[str | None, str | None]:
    """Return the moment as sent and the local date of the work, also from the path of its file."""
    zone = parse_zone(settings.time_zone)
    moment = first_of(content, settings.time_keys)
    local = first_of(content, settings.day_keys)
    if moment is None and local is None:
        moment = key
    if local is None and moment is not None:
        try:
            # A bare date is already a day; a time without a zone is in the zone of local dates.
            text = str(moment)
            local = text if len(text) == 10 else parse_time(text, zone).astimezone(zone).date().isoformat()
        except InputError:
            local = None
    if local is None and moment is None:
        day_in_path = compiled(settings.day_in_path)
        days = [match[1] for value in content.values() if (match := day_in_path.search(str(value)))]
        local = days[0] if days else None
    return (None if moment is None else str(moment), None if local is None else str(local))


def key_in_body(body: str | None, settings: WorkItemSettings) -> str | None:
    """Return the day of a message about a whole day, or the moment of any other message."""
    return _key_of(_content(body), settings)


def _key_of(content: Mapping[str, Any], settings: WorkItemSettings) -> str | None:
    found = first_of(content, settings.day_keys) or first_of(content, settings.time_keys)
    return None if found is None else str(found)


def work_items(tables: Tables) -> pd.DataFrame:
    """Return the work named by DLQ messages and by messages seen waiting.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``state`` (``dead_lettered``, ``waiting``), ``message_id``, ``work_item``,
        ``work_time`` (text as sent), ``work_date``, ``sent_at``, ``receive_count``, ``processed``,
        ``recoverable``, ``expires_at``, ``passed_retention``, ``before_window``, ``group_id``,
        ``deduplication_id``, ``body``; see :func:`watchme_analysis.queues.work_items.message_work`.
    """
    return _work_items(tables).copy(deep=False)


@once_per_case
def _work_items(tables: Tables) -> pd.DataFrame:
    return message_work(tables, analyse_queues(tables))
