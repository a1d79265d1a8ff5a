"""Intervals of CloudWatch metrics: with a value, zero, missing, or not settled yet, which are four things.

CloudWatch metrics: what ``aws cloudwatch get-metric-data`` printed.

``metrics/*.json`` are answers; ``metrics/metric-data-queries.json`` beside them is what was asked, and the
only thing that says which metric an id stands for. A point states its interval by its start (API
reference, GetMetricData). A metric without a point in an interval has none here either: that is neither
zero nor an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.metric_series import (
    KEYS,
    Identities,
    infer_stats,
    inferred_period,
    is_queries,
    query_definitions,
    query_files,
)
from watchme_analysis.aws_shapes.responses import (
    SETTLED_AFTER,
    ResponseProblems,
    documents,
    frame_of,
    has_key,
    listed,
    moment,
    rows_of,
    table_part,
)
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart
from watchme_analysis.files.storable_values import escape_surrogates, storable_rows
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd


def interval_starts(start: datetime, end: datetime, period_s: int, phase_s: float = 0) -> pd.DatetimeIndex:
    """Return the starts of the intervals that a window touches, by the clock or so many seconds after it."""
    import pandas as pd

    step, phase = pd.Timedelta(seconds=period_s), pd.Timedelta(seconds=phase_s)
    first = (pd.Timestamp(start) - phase).floor(step) + phase
    return pd.date_range(first, end, freq=step, inclusive="left", unit="us")


def _phase_s(values: pd.Series, period_s: int) -> float:
    """Return how long after those of the clock a series' intervals start, where its points agree on that.

    They do so where the start that was asked lay within an interval of the clock.
    """
    import pandas as pd

    apart = set((values.index - pd.Timestamp(0, tz="UTC")) % pd.Timedelta(seconds=period_s))
    return float(apart.pop().total_seconds()) if len(apart) == 1 else 0.0


def settled_intervals(starts: pd.DatetimeIndex, period_s: int, asked_at: datetime | None) -> int:
    """Return how many of consecutive intervals had settled when asked; all where that is unknown."""
    import pandas as pd

    if asked_at is None:
        return len(starts)
    last = pd.Timestamp(asked_at - SETTLED_AFTER) - pd.Timedelta(seconds=period_s)
    return int(starts.searchsorted(last, side="right"))


def fill_intervals(
    values: pd.Series, window: Window, period_s: int, asked_at: datetime | None
) -> pd.DataFrame:
    """Return every interval of a series with what is known of it.

    Parameters
    ----------
    values
        Values by the start of their interval.
    window
        Window that was asked.
    period_s
        Period in seconds.
    asked_at
        When it was asked; None takes all for settled.

    Returns
    -------
    DataFrame
        ``time`` (start of the interval), ``value`` (null where no point came) and ``completeness``:
        ``value``, ``zero``, ``missing`` or ``not_settled`` (no point, or one that may still change).
    """
    import pandas as pd

    grid = interval_starts(window.start, window.end, period_s, _phase_s(values, period_s))
    frame = pd.DataFrame({"time": grid, "value": values.reindex(grid).astype("Float64").array})
    known = frame["value"].notna()
    kinds = pd.Series("value", index=frame.index, dtype="string")
    kinds = kinds.mask(known & frame["value"].eq(0).fillna(False), "zero").mask(~known, "missing")
    kinds.iloc[settled_intervals(grid, period_s, asked_at) :] = "not_settled"
    frame["completeness"] = kinds
    return frame


_SERIES = ("namespace", "metric", "dimensions", "stat", "period_s", "expression")
_BEYOND = 10**300
# A series that is no plain metric (metric math, or one whose query is unknown) is known by these alone.
_UNNAMED = ("id", "label", "folder")


def read_answers(raw: RawFile) -> Iterator[TablePart]:
    """Read an answer into ``metrics`` and ``metric_queries``."""
    values, problems = documents(raw)
    results, odd = listed(values, "MetricDataResults", "Timestamps")
    identities = Identities.beside(raw)
    asked = _asked(values, raw.zone)
    notes = [note for value in values for note in _messages(raw, value)]
    series: list[dict[str, Any]] = []
    frames: list[pd.DataFrame] = []
    for result in results:
        status = result.get("StatusCode")

        def row_of(found: dict[str, Any], status: Any = status) -> dict[str, Any]:
            identity = identities.of(found)
            frame, complaint = _points(found, raw.zone)
            notes.extend(f"{raw.relative}: {complaint}" for complaint in [complaint] if complaint)
            frames.append(frame)
            return {
                "file": raw.relative,
                **identity,
                **asked,
                "points": len(frame),
                "status": status if isinstance(status, str) else None,
            }

        series += storable_rows("metric_queries", rows_of([result], row_of, odd), raw.remarks)
    _infer_periods(series, frames)
    for row, frame in zip(series, frames, strict=True):
        row["missing"] = _missing(row, frame)
        frame["completeness"] = _completeness(row, frame)
    inferred = infer_stats(series, frames)
    if inferred:
        notes.append(f"{raw.relative}: the statistic of {inferred} series is inferred from label and values.")
    notes.extend(f"{raw.relative}: {note}" for note in identities.notes)
    unnamed = sum(row["metric"] is None for row in series)
    if unnamed:
        notes.append(
            f"{raw.relative}: {unnamed} series name no metric and tell nothing; put the queries that were "
            "asked beside it, as metric-data-queries.json."
        )
    last_status = {(row["id"], row["label"]): row["status"] for row in series}
    short = sorted({str(row["id"]) for row in series if _is_short(last_status[(row["id"], row["label"])])})
    pages = any(isinstance(value, dict) and value.get("NextToken") for value in values)
    if short:
        notes.append(f"{raw.relative}: points are missing, the status of {', '.join(short)} is not Complete.")
    if pages:
        notes.append(f"{raw.relative}: points are missing, this is one page of several (NextToken).")
    trouble = ResponseProblems(problems, odd)
    points = _joined(raw, series, frames)
    truncated = bool(short) or pages
    yield table_part(raw, "cloudwatch_metrics", "metrics", points, trouble, notes=notes, truncated=truncated)
    yield table_part(raw, "cloudwatch_metrics", "metric_queries", series, truncated=truncated)


def read_queries(raw: RawFile) -> Iterator[TablePart]:
    """Read what was asked into ``metric_queries``; :func:`finish` drops what was answered."""
    values, problems = documents(raw)
    definitions, odd = query_definitions(values)
    rows = [{"file": None, **identity} for identity in definitions]
    yield table_part(
        raw, "cloudwatch_metric_queries", "metric_queries", rows, ResponseProblems(problems, odd)
    )


def _asked(values: list[Any], zone: tzinfo) -> dict[str, datetime | None]:
    """Return window and time of asking, which a pull notes beside an answer."""
    found = next((value["Asked"] for value in values if isinstance(value, dict) and "Asked" in value), None)
    told = found if isinstance(found, dict) else {}
    names = {"start": "StartTime", "end": "EndTime", "asked_at": "At"}
    return {name: moment(told.get(key), zone) for name, key in names.items()}


def _missing(row: dict[str, Any], frame: pd.DataFrame) -> int | None:
    """Return the settled intervals without a point, None where window or period is not known."""
    if row["start"] is None or row["end"] is None or row["period_s"] is None:
        return None
    grid = interval_starts(row["start"], row["end"], row["period_s"])
    settled = grid[: settled_intervals(grid, row["period_s"], row["asked_at"])]
    return int((~settled.isin(frame["time"])).sum())


def _completeness(row: dict[str, Any], frame: pd.DataFrame) -> pd.Series:
    """Return whether each point is a value or a zero, or may still change."""
    import pandas as pd

    kinds = frame["value"].eq(0).map({True: "zero", False: "value"}).astype("string")
    if row["asked_at"] is not None and row["period_s"] is not None:
        ends = frame["time"] + pd.Timedelta(seconds=row["period_s"])
        kinds = kinds.mask(ends > pd.Timestamp(row["asked_at"] - SETTLED_AFTER), "not_settled")
    return kinds


def _is_short(status: str | None) -> bool:
    return status not in {"Complete", None}


def _messages(raw: RawFile, value: Any) -> list[str]:
    """Return what CloudWatch said about an answer as a whole."""
    found, _ = listed([value], "Messages")
    inner, _ = listed(listed([value], "MetricDataResults")[0], "Messages")
    return [
        f"{raw.relative}: CloudWatch said {item.get('Code', '')}: {item.get('Value', '')}"
        for item in found + inner
    ]


def _points(result: dict[str, Any], zone: tzinfo) -> tuple[pd.DataFrame, str | None]:
    """Return times and values of a series, and what is wrong with them."""
    import pandas as pd

    times, values = result.get("Timestamps"), result.get("Values")
    times = times if isinstance(times, list) else []
    values = values if isinstance(values, list) else []
    size = min(len(times), len(values))
    complaints = []
    if len(times) != len(values):
        complaints.append(f"{len(times)} times and {len(values)} values, the common {size} are kept")
    frame = pd.DataFrame(
        {
            "time": _moments(pd.Series([_plain_time(time) for time in times[:size]], dtype="object"), zone),
            "value": pd.to_numeric(
                pd.Series([_finite(value) for value in values[:size]], dtype="object"), errors="coerce"
            ),
        }
    )
    # One that is infinite would make every sum and mean so.
    bad = frame["time"].isna() | frame["value"].isna() | frame["value"].abs().eq(math.inf)
    if bad.any():
        complaints.append(f"{int(bad.sum())} points without a readable time or value are left out")
        frame = frame[~bad]
    if not complaints:
        return frame, None
    return frame, f"series {result.get('Id')} has " + "; ".join(complaints) + "."


def _finite(value: Any) -> Any:
    """Return a value, None for a whole number beyond what any column holds."""
    return None if isinstance(value, int) and abs(value) >= _BEYOND else value


def _plain_time(value: Any) -> Any:
    """Return a time as it was written, with nothing in it that a column can't hold."""
    return escape_surrogates(value) if isinstance(value, str) else _finite(value)


def _moments(texts: pd.Series, zone: tzinfo) -> pd.Series:
    """Return times as UTC; epochs are seconds, a time without a zone is of the given one."""
    import pandas as pd

    if texts.empty:
        return pd.Series(dtype="datetime64[us, UTC]")
    numeric = texts.map(lambda value: isinstance(value, (int, float)) and not isinstance(value, bool))
    if numeric.any():
        moments = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
        epochs = pd.to_numeric(texts[numeric], errors="coerce").astype("float64")
        moments[numeric] = pd.to_datetime(epochs, unit="s", utc=True, errors="coerce").dt.as_unit("us")
        if not numeric.all():
            moments[~numeric] = _moments(texts[~numeric], zone)
        return moments
    texts = texts.astype("string")
    bare = ~texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).fillna(False).astype(bool)
    moments = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    if bare.any():
        local = moments[bare].dt.tz_localize(None)
        moments[bare] = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return moments


def _infer_periods(series: list[dict[str, Any]], frames: list[pd.DataFrame]) -> None:
    """Give series whose query is unknown the period that their points' spacing shows."""
    unknown = [at for at, row in enumerate(series) if row["period_s"] is None and row["expression"] is None]
    if unknown:
        period = inferred_period([frames[at]["time"] for at in unknown])
        for at in unknown:
            series[at]["period_s"] = period


def _joined(raw: RawFile, series: list[dict[str, Any]], frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all points with what their series are."""
    import numpy as np
    import pandas as pd

    if not frames:
        return frame_of("metrics", [])
    points = pd.concat(frames, ignore_index=True)
    times = [len(frame) for frame in frames]
    for key in (*KEYS, "status"):
        values = pd.Series([row[key] for row in series], dtype="object")
        dtype = "Int64" if key == "period_s" else "string"
        points[key] = values.astype(dtype).take(np.repeat(np.arange(len(series)), times)).array
    points["file"] = pd.Series(raw.relative, index=points.index, dtype="string")
    return points


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Join what several dumps say of the same series.

    Points that two answers agree on are kept once; where they differ, the file read last wins (late points
    correct earlier ones). Queries that an answer exists for are told by the answer alone.
    """
    if frame.empty:
        return frame, []
    if table == "metric_queries":
        return _finish_queries(frame)
    keyed = _keyed(frame)
    same_point = keyed.duplicated([*_SERIES, *_UNNAMED, "time"], keep="last")
    if not same_point.any():
        return frame, []
    conflicting = same_point & ~keyed.duplicated([*_SERIES, *_UNNAMED, "time", "value"], keep="last")
    notes = [f"{int(same_point.sum())} points came more than once and are kept once."]
    if conflicting.any():
        notes.append(
            f"{int(conflicting.sum())} of them had another value in an earlier answer; the last one is kept."
        )
    return frame[~same_point].reset_index(drop=True), notes


def _finish_queries(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    told = {_series_key(row) for row in rows if row["file"] is not None}
    kept = [row["file"] is not None or _series_key(row) not in told for row in rows]
    # Pages of one answer list a series again with further points.
    merged = (
        frame[kept]
        .groupby(["file", *KEYS], dropna=False, sort=False, as_index=False)
        .agg(
            points=("points", lambda column: column.sum(min_count=1)),
            **{name: (name, "last") for name in ("missing", "start", "end", "asked_at", "status")},
        )
    )
    silent = int(merged["file"].isna().sum())
    return merged, [f"{silent} series that were asked for are in no answer."] if silent else []


def _series_key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a series of the queries and its answer have in common."""
    return tuple(row[key] for key in _SERIES) if row["metric"] is not None else (row["id"],)


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a folder; ids and labels blanked where the metric itself is the identity."""
    keyed = frame.copy()
    # Told once a file, not once a point: a folder has tens of files and a million points.
    folders = {file: str(file).rpartition("/")[0] for file in frame["file"].dropna().unique()}
    keyed["folder"] = frame["file"].map(folders)
    plain = frame["metric"].notna() & frame["stat"].notna()
    for column in _UNNAMED:
        keyed[column] = keyed[column].mask(plain, "")
    return keyed


SOURCES = (
    Source(
        name="cloudwatch_metrics",
        tables=("metrics", "metric_queries"),
        patterns=("metrics/*.json", "metrics-*.json", "metrics_*.json"),
        looks_like=lambda raw: (
            has_key(raw, "MetricDataResults") or all(has_key(raw, name) for name in ("Id", "Timestamps"))
        ),
        read=read_answers,
        by_content=True,
        finish=finish,
        samples=(
            (
                '{"MetricDataResults": [{"Id": "m0", "Label": "sed-queue NumberOfMessagesSent", '
                '"Timestamps": ["2025-12-11T01:00:00+00:00"], "Values": [2.0], "StatusCode": "Complete"}]}',
                1,
            ),
        ),
    ),
    Source(
        name="cloudwatch_metric_queries",
        tables=("metric_queries",),
        patterns=query_files,
        looks_like=is_queries,
        read=read_queries,
        by_content=True,
        finish=finish,
        samples=(('[{"Id": "e1", "Expression": "m1 / m2", "Period": 60}]', 1),),
    ),
)
