"""Checks of the application: its rhythm, its thread pool, and what its source does on loop and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.analysis.health_rhythm import bunched, rhythm
from watchme_analysis.hypotheses.health_cpu import is_idle
from watchme_analysis.hypotheses.health_facts import Facts, listed, seconds, share
from watchme_analysis.hypotheses.health_handlers import handlers_by_family
from watchme_analysis.hypotheses.health_process import gauges, service_name
from watchme_analysis.hypotheses.health_seen import Seen
from watchme_analysis.hypotheses.health_sql import of_joined, quoted, select, within

if TYPE_CHECKING:
    import pandas as pd

LOOP, POOL, SATURATION = "app_event_loop", "app_threadpool", "app_saturation"
BLOCKING = ("blocking_io", "blocking_sleep", "blocking_file", "cpu", "lock")


def rhythms(found: Facts) -> list[Seen]:
    """Ask whether the application answers steadily or stands still and then answers all at once."""
    seen = []
    told = _by_app_log(found)
    if told is not None:
        seen.append(told)
    slow = found.rows("nginx", bad=True) if found.has("access_log") else found.rows("edge", bad=True)
    status = "nginx_status" if found.has("access_log") else "edge_status"
    answered = slow[(slow[status] < 499)]
    inside, total, bunches = bunched(answered)
    if bunches >= 3 and inside >= 0.5 * total:
        table = "access_log" if found.has("access_log") else "edge_log"
        text = (
            f"{share(inside, total)} slow answers left in {bunches} bunches of several endpoints "
            "within 20 ms, "
            "though they had been asked at different times."
        )
        seen.append(
            Seen(
                "bunched",
                text,
                table,
                total,
                of_joined("nginx" if table == "access_log" else "edge", answered),
                inside / total,
                "share",
            )
        )
    return seen


def _by_app_log(found: Facts) -> Seen | None:
    log = found.table("app_log")
    service = service_name(found, log)
    answers = log[(log["kind"] == "access") & (log["service"].fillna("") == service)]
    # Each worker process has a loop of its own; the one that stands still the most tells.
    shapes = {
        int(pid): shape
        for pid, group in answers.groupby(answers["pid"].fillna(-1))
        if (shape := rhythm(group["time"], found.start, found.end)) is not None
    }
    if not shapes:
        return None
    pid, shape = max(shapes.items(), key=lambda one: one[1].silent_share * (one[1].burst_share > 0.35))
    of_process = [f"coalesce(service, '') = {quoted(service)}", f"coalesce(pid, -1) = {pid}"]
    sql = within(found, "app_log", "kind = 'access'", *of_process)
    numbers = (
        f"{shape.silent_share:.0%} of the incident passed in silences over "
        f"{seconds(shape.silence_limit_s)} (else "
        f"{shape.usual_silent_share:.0%}, longest {seconds(shape.longest_silence_s)}), and "
        f"{shape.burst_share:.0%} of "
        f"answers left within 10 ms of the one before (else {shape.usual_burst_share:.0%})"
    )
    bursts = shape.burst_share > max(0.35, 2 * shape.usual_burst_share)
    silent = shape.silent_share > max(0.5, 2 * shape.usual_silent_share)
    rows = shape.answers
    if bursts and silent:
        detail = f"the event loop stands still for up to {seconds(shape.longest_silence_s)} at a time"
        return Seen(
            "stop_and_go",
            f"The application stops and goes: {numbers}.",
            "app_log",
            rows,
            sql,
            shape.silent_share,
            "share",
            details={LOOP: detail},
        )
    if bursts and shape.burst_share >= 3 * shape.usual_burst_share:
        text = f"The application answers in bursts: {numbers}."
        return Seen("bursts", text, "app_log", rows, sql, shape.burst_share, "share")
    if shape.silent_share < 0.45 and shape.longest_silence_s < 3 * max(shape.silence_limit_s, 1.0):
        return Seen(
            "steady",
            f"The application answered steadily: {numbers}.",
            "app_log",
            rows,
            sql,
            shape.silent_share,
            "share",
        )
    return None


def source(found: Facts) -> list[Seen]:
    """Read from the source what runs on the event loop, on the thread pool and on threads of its own."""
    handlers, calls = found.table("app_handlers"), found.table("app_calls")
    if handlers.empty:
        return []
    seen = []

    def in_context(*contexts: str) -> str:
        names = [
            f"{name} in ({', '.join(map(quoted, words))})"
            for name, words in (("kind", BLOCKING), ("context", contexts))
        ]
        return select("app_calls", *names)

    blocking = calls[calls["kind"].isin(BLOCKING)]
    on_loop = blocking[blocking["context"].isin(["event_loop", "background_event_loop"])]
    # What computes holds the loop for as long as it uses CPU.
    unused = on_loop["kind"].eq("cpu") & _had_cpu_to_spare(found)
    on_loop = on_loop[~unused]
    if len(on_loop):
        words = _calls_in_words(on_loop)
        text = f"The source blocks the event loop: {words}."
        sql = in_context("event_loop", "background_event_loop")
        seen.append(Seen("blocking_in_loop", text, "app_calls", len(on_loop), sql, details={LOOP: words}))
    else:
        text = f"The source has {len(handlers)} handlers and no blocking call on the event loop"
        text += ", but for work that would take CPU, which the process had to spare." if unused.any() else "."
        seen.append(Seen("no_blocking_in_loop", text, "app_handlers", len(handlers), select("app_handlers")))
    known = handlers_by_family(handlers, calls, list(found.families))
    mine = [family for family in found.families if family in known and known[family].uses_threads]
    on_pool = blocking[blocking["context"].isin(["thread_pool", "background_thread_pool"])]
    if mine and len(on_pool):
        words = f"{listed(mine)} needs a thread of the pool that is shared with {_calls_in_words(on_pool)}"
        sql = in_context("thread_pool", "background_thread_pool")
        seen.append(
            Seen(
                "pool_work", f"In the source {words}.", "app_calls", len(on_pool), sql, details={POOL: words}
            )
        )
    elsewhere = calls[
        (calls["kind"] == "thread_pool")
        & calls["call"].fillna("").str.contains("submit|Executor|Thread", regex=True)
    ]
    if len(elsewhere):
        words = (
            f"the source starts threads or executors of its own ({listed(sorted(set(elsewhere['call'])))})"
        )
        seen.append(
            Seen(
                "threads_of_its_own",
                f"Next to the loop {words}.",
                "app_calls",
                len(elsewhere),
                select("app_calls", "kind = 'thread_pool'", "regexp_matches(call, 'submit|Executor|Thread')"),
                details={SATURATION: words},
            )
        )
    return seen


def _had_cpu_to_spare(found: Facts) -> bool:
    """Tell whether the CPU of the affected process was sampled in the incident, and low."""
    if not found.has("host_metrics"):
        return False
    wide = gauges(found)
    if "cpu_pct" not in wide:
        return False
    used = wide["cpu_pct"].dropna()
    before = used[used.index < found.start]
    return is_idle(used.loc[found.start : found.end], float(before.median()) if len(before) else 0.0)


def _calls_in_words(calls: pd.DataFrame) -> str:
    """Return the calls that matter, once each: ``urllib.request.urlopen in fetch (app.py:74)``."""
    words = []
    for call, function, file, line in zip(
        calls["call"], calls["function"], calls["file"], calls["line"], strict=True
    ):
        words.append(f"`{call}` in `{function}` ({file}:{line})")
    return listed(list(dict.fromkeys(words)), 3)
