"""Which work the workers' own log, or the counters, show as done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchme_analysis.analysis.flows import Flow, Tables
from watchme_analysis.errors import InputError
from watchme_analysis.window import parse_time, parse_zone

_VALUE = r"[\"']?\s*[=:]\s*[\"']?"
_MESSAGE = re.compile(rf"message_?id{_VALUE}([0-9a-f-]{{36}})", re.IGNORECASE)
_DEVICE = re.compile(rf"device_?id{_VALUE}([\w.:-]+)", re.IGNORECASE)
_WORK = re.compile(rf"(?:recorded_?at|local_?date){_VALUE}(\d{{4}}-\d\d-\d\d[\dT:+.Z-]*)", re.IGNORECASE)
# A message lives for its receives times its visibility timeout, which may have been longer at the time.
LONGEST_VISIBILITY = 6
# What a receive may come later than the end of the visibility timeout while the function keeps up.
SLOW_POLL_S = 60.0


@dataclass(frozen=True)
class Done:
    """Work that successful runs named: message ids, and (function, device, day or moment)."""

    messages: frozenset[str] = frozenset()
    work: frozenset[tuple[str, str, str]] = frozenset()

    def has(self, message_id: Any, function: str | None, device: str | None, key: str | None) -> bool:
        """Tell whether a message, or another one of the same work, ran to a good end."""
        if str(message_id) in self.messages:
            return True
        return (
            device is not None and key is not None and (function or "", device, moment_key(key)) in self.work
        )


def work_done(tables: Tables) -> Done:
    """Return the work whose run, by the worker's own log, ended well.

    A run is joined by request id: it named the message or the work, it ended, and none of its records is
    an error or a time-out.
    """
    events = tables.table("log_events")
    events = events[events["request_id"].notna()]
    if events.empty:
        return Done()
    failed = set(events.loc[events["kind"].isin(["error", "timeout"]), "request_id"])
    ended = set(events.loc[events["kind"].isin(["end", "report"]), "request_id"]) - failed
    named = events[events["request_id"].isin(ended) & (events["kind"] == "application")]
    messages: set[str] = set()
    work: set[tuple[str, str, str]] = set()
    for function, text in zip(named["function"], named["message"].fillna(""), strict=True):
        messages.update(_MESSAGE.findall(text))
        device, key = _DEVICE.search(text), _WORK.search(text)
        if device and key:
            work.add((str(function), device[1], moment_key(key[1])))
    return Done(frozenset(messages), frozenset(work))


def failed_with(tables: Tables) -> dict[str, str]:
    """Return by message id the text of the error that its run ended with, where one log names both."""
    events = tables.table("log_events")
    failed = events[events["kind"].isin(["error", "timeout"])].dropna(subset=["request_id"])
    texts = failed["error_type"].fillna("") + " " + failed["message"].fillna("")
    by_request = dict(zip(failed["request_id"], texts, strict=True))
    named = events[events["request_id"].isin(list(by_request))].dropna(subset=["message"])
    found: dict[str, str] = {}
    for request, text in zip(named["request_id"], named["message"], strict=True):
        found.update(dict.fromkeys(_MESSAGE.findall(text), by_request[request]))
    return found


def moment_key(text: str) -> str:
    """Return a day as it is, and a moment in UTC, so that it equals itself written in another zone."""
    if len(text) == 10:
        return text
    try:
        return parse_time(text, parse_zone("UTC")).isoformat()
    except InputError:
        return text


def surely_ran(flow: Flow, sent_at: datetime | None, returning_since: datetime | None = None) -> bool:
    """Tell whether a message of a dead-letter queue ran well at least once, by the counters alone.

    Parameters
    ----------
    flow
        The flow of the message's own queue.
    sent_at
        When it was sent.
    returning_since
        Since when messages come back though nothing failed, if they do: since then the visibility timeout
        is the one that is set now.

    Notes
    -----
    It was received as often as the redrive policy allows. Where every receive became a run and fewer runs
    failed in its lifetime than it had receives, one of its own runs succeeded.
    """
    settings, frame = flow.settings, flow.frame
    received, invoked = flow.count("received"), flow.count("invocations")
    known = {"errors", "throttles", "received", "invocations"} <= flow.asked
    if not known or sent_at is None or settings.max_receive_count is None or not received or not invoked:
        return False
    if invoked < 0.98 * received:
        return False
    visibility_s = settings.visibility_timeout_s or 0.0
    longest = max(visibility_s, LONGEST_VISIBILITY * (settings.function_timeout_s or 0.0))
    if returning_since is not None and sent_at >= returning_since and visibility_s:
        longest = visibility_s + SLOW_POLL_S
    if not longest:
        return False
    start = sent_at - timedelta(seconds=flow.period_s)
    end = sent_at + timedelta(seconds=settings.max_receive_count * longest + flow.period_s)
    failed = float(frame["errors"].loc[start:end].sum() + frame["throttles"].loc[start:end].sum())
    return failed < settings.max_receive_count
