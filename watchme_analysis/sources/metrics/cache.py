"""CloudWatch metrics asked through the cache: settled points once, the tail again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from watchme_analysis.sources.aws.cache import POINTS_KEPT_AFTER, Keeper, NotKeptError, not_kept
from watchme_analysis.sources.aws.client import Aws
from watchme_analysis.sources.metrics.live import get_metric_data
from watchme_analysis.window import Window


def kept_metric_data(
    aws: Aws, queries: Sequence[dict[str, Any]], window: Window, keeper: Keeper
) -> dict[str, Any]:
    """Return GetMetricData's answer, what is settled of it from the cache where that has it.

    Parameters
    ----------
    aws, queries, window
        As :func:`watchme_analysis.sources.metrics.live.get_metric_data` takes them.
    keeper
        Cache, and whether to ask.

    Returns
    -------
    dict
        The answer, times as ISO texts, and under ``Asked`` the window and when its last part was asked.

    Raises
    ------
    NotKeptError
        When a part must be asked and asking is forbidden.
    """
    identity = ["metrics", list(queries), window.start.isoformat()]
    entry = keeper.kept(identity)
    covered = window.start
    answer: dict[str, Any] = {"MetricDataResults": [], "Messages": []}
    taken_at = datetime.now(UTC)
    if entry is not None:
        covered = datetime.fromisoformat(entry.value["end" if keeper.offline else "until"])
        answer = _before(keeper.use(entry)["answer"], min(covered, window.end))
    if entry is not None and covered >= window.end:
        taken_at = entry.taken_at
    elif keeper.offline:
        raise NotKeptError(f"{not_kept('metrics', Window(covered, window.end))}.")
    else:
        answer = _joined(answer, get_metric_data(aws, queries, Window(covered, window.end)))
        if _is_complete(answer):
            settled = max(window.start, _settled(queries, window, taken_at))
            ends = {"until": settled.isoformat(), "end": window.end.isoformat()}
            keeper.save(identity, {**ends, "answer": answer})
    bounds = {"StartTime": window.start.isoformat(), "EndTime": window.end.isoformat()}
    return {**answer, "Asked": {**bounds, "At": taken_at.isoformat()}}


def _settled(queries: Sequence[dict[str, Any]], window: Window, now: datetime) -> datetime:
    """Return up to when points are kept: they no longer change, and the rest begins with an interval."""
    settled = now - POINTS_KEPT_AFTER
    if any("Expression" in query for query in queries):
        # Some functions of metric math look at the whole window.
        return window.end if window.end <= settled else window.start
    longest = max((int(query["MetricStat"]["Period"]) for query in queries), default=60)
    last_end = window.end + timedelta(seconds=-window.end.timestamp() % longest)
    return last_end if last_end <= settled else settled - timedelta(seconds=settled.timestamp() % longest)


def _is_complete(answer: dict[str, Any]) -> bool:
    return all(result["StatusCode"] == "Complete" for result in answer["MetricDataResults"])


def _before(answer: dict[str, Any], end: datetime) -> dict[str, Any]:
    """Return the points of intervals that begin before an end."""
    results = []
    for result in answer["MetricDataResults"]:
        points = zip(result["Timestamps"], result["Values"], strict=True)
        kept = [(moment, value) for moment, value in points if datetime.fromisoformat(moment) < end]
        results.append({**result, "Timestamps": [m for m, _ in kept], "Values": [v for _, v in kept]})
    return {**answer, "MetricDataResults": results}


def _joined(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the points of two answers for windows that follow one another."""
    series = {(result["Id"], result["Label"]): result for result in older["MetricDataResults"]}
    for result in newer["MetricDataResults"]:
        before = series.get((result["Id"], result["Label"]))
        if before is not None:
            joined = {key: before[key] + result[key] for key in ("Timestamps", "Values")}
            result = {**result, **joined}  # noqa: PLW2901
        series[(result["Id"], result["Label"])] = result
    return {
        "MetricDataResults": list(series.values()),
        "Messages": older["Messages"] + newer["Messages"],
    }
