"""CloudWatch metrics in the shapes of the AWS CLI, and intervals without points.

``metrics/*.json`` are responses of ``aws cloudwatch get-metric-data``. ``metrics/metric-data-queries.json``
beside them holds the queries, the only source for which metric an id is. A point states its interval by its
start (API reference, GetMetricData). A metric without a point in an interval has no row here either: that is
neither zero nor an error. :func:`fill_intervals` returns all intervals and distinguishes value, zero, missing
and not yet settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.metric_series import (
    KEYS,
    Identities,
    infer_stats,
    inferred_period,
    query_definitions,
)
from watchme_analysis.aws_shapes.responses import (
    SETTLED_AFTER,
    ResponseProblems,
    documents,
    number,
    objects_under,
    of_file,
    table_frame,
    table_result,
    utc_microseconds,
    utc_time,
)
from watchme_analysis.files.evidence_file import RawFile, TablePart
from watchme_analysis.files.storable_values import storable_rows
from watchme_analysis.schema import frame_of_values
from watchme_analysis.text.message import Message, Names, Quotation, Resource, message
from watchme_analysis.text.render import note
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


def interval_starts(start: datetime, end: datetime, period_s: int, phase_s: float = 0) -> pd.DatetimeIndex:
    """Return the starts of the intervals that overlap a window.

    Intervals start ``phase_s`` seconds after multiples of the period.
    """
    import pandas as pd

    step, phase = pd.Timedelta(seconds=period_s), pd.Timedelta(seconds=phase_s)
    first = (pd.Timestamp(start) - phase).floor(step) + phase
    return pd.date_range(first, end, freq=step, inclusive="left", unit="us")


def _phase_s(values: pd.Series, period_s: int) -> float:
    """Return the seconds by which intervals start after multiples of the period, if all points agree.

    They are not zero if the start of the request lay within an interval.
    """
    import pandas as pd

    phases = set((values.index - pd.Timestamp(0, tz="UTC")) % pd.Timedelta(seconds=period_s))
    return float(phases.pop().total_seconds()) if len(phases) == 1 else 0.0


def settled_intervals(starts: pd.DatetimeIndex, period_s: int, asked_at: datetime | None) -> int:
    """Return the number of consecutive intervals that had settled at the time of the request.

    All had when that time is unknown (None).
    """
    import pandas as pd

    if asked_at is None:
        return len(starts)
    last = pd.Timestamp(asked_at - SETTLED_AFTER) - pd.Timedelta(seconds=period_s)
    return int(starts.searchsorted(last, side="right"))


def fill_intervals(
    values: pd.Series, window: Window, period_s: int, asked_at: datetime | None
) -> pd.DataFrame:
    """Return every interval of a series with its value and completeness, by values at their starts.

    The columns are ``time`` (start of the interval), ``value`` (null without a point) and ``completeness``:
    ``value``, ``zero``, ``missing`` or ``not_settled`` (no point, or one that may still change). Without the
    time of the request, all intervals count as settled.
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


# Columns that identify a series of a plain metric.
_SERIES = ("namespace", "metric", "dimensions", "stat", "period_s", "expression")
# Completeness of a point; the last if it may still change.
_KINDS = ("value", "zero", "not_settled")
# Other series (metric math, or with an unknown query) are identified by these columns.
_UNNAMED = ("id", "label", "folder")


def metric_data_parts(raw: RawFile) -> Iterator[TablePart]:
    """Yield the points of a GetMetricData response as ``metrics`` and its series as ``metric_queries``."""
    values, damage = documents(raw)
    results, unexpected = objects_under(values, "MetricDataResults", "Timestamps")
    problems = ResponseProblems(damage, unexpected)
    yield from series_parts(raw, results, problems, message("advice-metric-queries"), values)


def series_parts(
    raw: RawFile,
    results: Sequence[dict[str, Any]],
    problems: ResponseProblems,
    unnamed_advice: Message,
    values: Sequence[Any] = (),
    source: str = "cloudwatch_metrics",
) -> Iterator[TablePart]:
    """Yield the points of series as ``metrics`` and the series as ``metric_queries``.

    Each of ``results`` has the shape of an entry of ``MetricDataResults``. ``unnamed_advice`` says what to do
    about series whose metric is unknown, and ``values`` are the documents of the response, with its messages
    and pages.
    """
    identities = Identities.beside(raw)
    requested = _requested_window(values, raw.zone)
    notes = [note for value in values for note in _messages(raw, value)]
    series: list[dict[str, Any]] = []
    frames: list[pd.DataFrame] = []
    for result in results:
        frame, complaints = _points(raw, result)
        notes.extend(complaints)
        frames.append(frame)
        status = result.get("StatusCode")
        row = {
            "file": raw.relative,
            **identities.of(result),
            **requested,
            "points": len(frame),
            "status": status if isinstance(status, str) else None,
        }
        series += storable_rows("metric_queries", [row], raw.remarks)
    _infer_periods(series, frames)
    for row, frame in zip(series, frames, strict=True):
        row["missing"] = _missing(row, frame)
    inferred = infer_stats(series, frames)
    if inferred:
        notes.append(of_file(raw, "note-statistic-inferred", series=inferred))
    notes.extend(identities.notes)
    unnamed = sum(row["metric"] is None for row in series)
    if unnamed:
        notes.append(of_file(raw, "note-unnamed-series", series=unnamed, advice=unnamed_advice))
    last_status = {(row["id"], row["label"]): row["status"] for row in series}
    incomplete = sorted(
        {str(row["id"]) for row in series if last_status[(row["id"], row["label"])] not in {"Complete", None}}
    )
    has_pages = any(isinstance(value, dict) and value.get("NextToken") for value in values)
    if incomplete:
        notes.append(of_file(raw, "note-series-incomplete", series=Names(tuple(incomplete))))
    if has_pages:
        notes.append(of_file(raw, "note-points-page"))
    points = _joined(series, frames)
    truncated = bool(incomplete) or has_pages
    yield TablePart(
        "metrics",
        *table_result(raw, source, "metrics", points, problems, notes=notes, truncated=truncated),
    )
    yield TablePart(
        "metric_queries", *table_result(raw, source, "metric_queries", series, truncated=truncated)
    )


def read_queries(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return a list of metric queries as ``metric_queries``; :func:`finish` drops those with a response."""
    values, damage = documents(raw)
    definitions, unexpected = query_definitions(values)
    rows = [{"file": None, **identity} for identity in definitions]
    problems = ResponseProblems(damage, unexpected)
    return table_result(raw, "cloudwatch_metric_queries", "metric_queries", rows, problems)


def _requested_window(values: Sequence[Any], zone: tzinfo) -> dict[str, datetime | None]:
    """Return the window and the time of the request, which a pull writes into the response."""
    found = next((value["Asked"] for value in values if isinstance(value, dict) and "Asked" in value), None)
    window = found if isinstance(found, dict) else {}
    names = {"start": "StartTime", "end": "EndTime", "asked_at": "At"}
    return {name: utc_time(window.get(key), zone) for name, key in names.items()}


def _missing(row: dict[str, Any], frame: pd.DataFrame) -> int | None:
    """Return the number of settled intervals without a point; None when window or period is unknown."""
    if row["start"] is None or row["end"] is None or row["period_s"] is None:
        return None
    grid = interval_starts(row["start"], row["end"], row["period_s"])
    settled = grid[: settled_intervals(grid, row["period_s"], row["asked_at"])]
    return int((~settled.isin(frame["time"])).sum())


def _completeness(row: dict[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return for each point the place in :data:`_KINDS` of its completeness."""
    import numpy as np
    import pandas as pd

    kinds: np.ndarray = (frame["value"].to_numpy() == 0).astype("int8")
    if row["asked_at"] is not None and row["period_s"] is not None:
        ends = frame["time"] + pd.Timedelta(seconds=row["period_s"])
        kinds[np.asarray(ends > pd.Timestamp(row["asked_at"] - SETTLED_AFTER))] = _KINDS.index("not_settled")
    return kinds


def _messages(raw: RawFile, value: Any) -> list[str]:
    """Return the messages of CloudWatch on a response."""
    found, _ = objects_under([value], "Messages")
    inner, _ = objects_under(objects_under([value], "MetricDataResults")[0], "Messages")
    return [
        of_file(
            raw,
            "note-cloudwatch-message",
            code=Resource(str(item.get("Code", ""))),
            text=Quotation(str(item.get("Value", ""))),
        )
        for item in found + inner
    ]


def _points(raw: RawFile, result: dict[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """Return times and values of a series, and sentences on unusable ones."""
    import numpy as np
    import pandas as pd

    times, values = result.get("Timestamps"), result.get("Values")
    times = times if isinstance(times, list) else []
    values = values if isinstance(values, list) else []
    size = min(len(times), len(values))
    complaints: list[str] = []
    series = Resource(str(result.get("Id")))
    if len(times) != len(values):
        complaints.append(
            of_file(
                raw,
                "note-points-uneven",
                series=series,
                times=len(times),
                values=len(values),
                kept=size,
            )
        )
    frame = pd.DataFrame({"time": _times(times[:size], raw.zone), "value": _numbers(values[:size])})
    # An infinite value would make every sum and mean infinite.
    is_good = frame["time"].notna().to_numpy() & np.isfinite(frame["value"].to_numpy())
    if not is_good.all():
        unreadable = int((~is_good).sum())
        complaints.append(of_file(raw, "note-points-unreadable", series=series, points=unreadable))
        frame = frame[is_good]
    return frame, complaints


def _numbers(values: list[Any]) -> np.ndarray:
    """Return the values of a series; NaN for a value that is not a finite number."""
    import numpy as np

    if set(map(type, values)) <= {int, float}:
        with suppress(OverflowError):
            return np.array(values, dtype="float64")
    return np.array([number(value) for value in values], dtype="float64")


def _times(times: list[Any], zone: tzinfo) -> pd.Series:
    """Return the times of a series in UTC; a time without a zone is in ``zone``."""
    are_texts = set(map(type, times)) == {str}
    return _times_of_texts(tuple(times), zone) if are_texts else _utc_times(times, zone)


# Most series of a response have the same times, and converting times takes longer than all else.
@lru_cache(maxsize=16)
def _times_of_texts(times: tuple[str, ...], zone: tzinfo) -> pd.Series:
    return _utc_times(times, zone)


# A day of margin, so that no conversion to another zone leaves the range of Python's datetime.
_EARLIEST = (datetime.min + timedelta(days=1)).replace(tzinfo=UTC)
_LATEST = (datetime.max - timedelta(days=1)).replace(tzinfo=UTC)


def _utc_times(times: Sequence[Any], zone: tzinfo) -> pd.Series:
    import numpy as np
    import pandas as pd

    missing = np.iinfo("int64").min  # NaT
    moments = [missing if moment is None else moment for moment in utc_microseconds(times, zone)]
    found = pd.Series(np.array(moments, dtype="int64").view("datetime64[us]")).dt.tz_localize("UTC")
    return found.where(found.between(_EARLIEST, _LATEST))


def _infer_periods(series: list[dict[str, Any]], frames: list[pd.DataFrame]) -> None:
    """Set the period of series with an unknown query, by the spacing of their points."""
    unknown = [at for at, row in enumerate(series) if row["period_s"] is None and row["expression"] is None]
    if unknown:
        period = inferred_period([frames[at]["time"] for at in unknown])
        for at in unknown:
            series[at]["period_s"] = period


def _joined(series: list[dict[str, Any]], frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all points with the identity of their series and their completeness."""
    import numpy as np
    import pandas as pd

    if not frames:
        return table_frame("metrics", [])
    points = pd.concat(frames, ignore_index=True)
    places = np.repeat(np.arange(len(series)), [len(frame) for frame in frames])
    rows = frame_of_values(
        "metrics", [{key: row[key] for key in ("file", *KEYS, "status")} for row in series]
    )
    for key in ("file", *KEYS, "status"):
        points[key] = rows[key].array.take(places)
    kinds = np.concatenate([_completeness(row, frame) for row, frame in zip(series, frames, strict=True)])
    points["completeness"] = pd.array(_KINDS, dtype="string").take(kinds)
    return points


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the points of all files together, each once.

    Where two responses differ, the file that was read last counts (late points correct earlier ones). Queries
    with a response are listed by the response alone.
    """
    if frame.empty:
        return frame, []
    if table == "metric_queries":
        return _finish_queries(frame)
    # Points that differ in some columns of their key are different points, and nearly all do in these.
    if not frame.duplicated(["dimensions", "metric", "stat", "period_s", "time"]).any():
        return frame, []
    keyed = _keyed(frame)
    same_point = keyed.duplicated([*_SERIES, *_UNNAMED, "time"], keep="last")
    if not same_point.any():
        return frame, []
    conflicting = same_point & ~keyed.duplicated([*_SERIES, *_UNNAMED, "time", "value"], keep="last")
    notes: list[str] = [note("note-points-repeated", points=int(same_point.sum()))]
    if conflicting.any():
        notes.append(note("note-points-conflicting", points=int(conflicting.sum())))
    return frame[~same_point].reset_index(drop=True), notes


def _finish_queries(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    responded = {_series_key(row) for row in rows if row["file"] is not None}
    kept = [row["file"] is not None or _series_key(row) not in responded for row in rows]
    # Pages of one response list a series again, with further points.
    merged = (
        frame[kept]
        .groupby(["file", *KEYS], dropna=False, sort=False, as_index=False)
        .agg(
            points=("points", lambda column: column.sum(min_count=1)),
            **{name: (name, "last") for name in ("missing", "start", "end", "asked_at", "status")},
        )
    )
    unanswered = int(merged["file"].isna().sum())
    return merged, [note("note-series-unanswered", series=unanswered)] if unanswered else []


def _series_key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the key that a query and its series in a response share."""
    return tuple(row[key] for key in _SERIES) if row["metric"] is not None else (row["id"],)


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a column ``folder``; ids and labels are blank if the metric is known."""
    keyed = frame.copy()
    # Computed once per file, not per point: a folder has tens of files and a million points.
    folders = {file: str(file).rpartition("/")[0] for file in frame["file"].dropna().unique()}
    keyed["folder"] = frame["file"].map(folders)
    plain = frame["metric"].notna() & frame["stat"].notna()
    for column in _UNNAMED:
        keyed[column] = keyed[column].mask(plain, "")
    return keyed
