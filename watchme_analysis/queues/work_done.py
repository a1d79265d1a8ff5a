"""Completed work according to the function's log or the queue's counters."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.aws_shapes.work_keys import learned_keys
from watchme_analysis.config import LogWords, WorkItemSettings, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR, Pipeline, Tables, cached_per_case
from watchme_analysis.queues.standing import LOST_POINTS
from watchme_analysis.text.message import Translated
from watchme_analysis.window import parse_time, parse_zone

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


def work_item_settings(tables: Tables) -> WorkItemSettings:
    """Return how messages of a case name their work, with keys that its settings leave open as learned.

    Without a case, the settings are those of ``watchme.toml``.
    """
    return cached_per_case(tables, _work_item_settings)


def _work_item_settings(tables: Tables) -> WorkItemSettings:
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
    """Return the IDs of messages that a log message names."""
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
