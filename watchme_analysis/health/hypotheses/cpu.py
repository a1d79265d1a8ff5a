"""Checks of the CPU: full, shared with neighbours to the last, held at a ceiling, or idle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchme_analysis.inference.signals import Observation
from watchme_analysis.text.message import Count, Number, Share, Text, Value, message

if TYPE_CHECKING:
    import pandas as pd

# A core is full when sampling leaves no more than this.
FULL_PCT = 88.0
IDLE_PCT = 35.0
# A sample tells of all the time since the one before: two show that a short incident had CPU to spare, and
# so many that it had none.
FEWEST_SAMPLES, ENOUGH_SAMPLES = 2, 3
# A process is held at its CPU when this many samples show no more than this share of the usual dispersion.
HELD_SAMPLES = 8
HELD_DISPERSION = 0.2
HELD_LEAST_PCT = 2.0
# Work that comes by chance spreads by more than this share of its height, where it is no more than one core.
LEVEL_SPREAD = 0.2
# Use has risen when it stands so many times above the usual and a little more, which an idle process may use
# by chance; below this height only where it is level or a crowd of threads shares it, so many times above.
RISEN_TIMES, RISEN_MORE_PCT, RISEN_LEAST_PCT, LEVEL_TIMES = 1.7, 5.0, 25.0, 5.0
# So many more threads than before are more that want the CPU. A loop waits up to 5 ms for each that computes
# (Python's switch interval), so that a few of them don't hold it up by themselves.
MORE_THREADS, CROWD_THREADS = 3, 8
# Nine of ten samples reach this share of the median when use stands at a ceiling. Steady work looks the same,
# and a mere rise may follow from what callers ask for: both tell less than a core that is full.
FLAT_SHARE, FLAT_TELLS, RISE_TELLS = 0.75, 0.6, 0.4
# Samples with no more than this share of the usual dispersion may be held: means of so many decide.
STEADIER, SMOOTHED = 0.3, 3


def cpu(
    mine: pd.DataFrame,
    others: pd.DataFrame,
    before: pd.DataFrame,
    samples: Callable[..., str],
    cores: float | None = None,
) -> list[Observation]:
    """Judge the CPU of the affected process.

    Parameters
    ----------
    mine
        Metrics of the affected process in the incident, a column each, times as index; ``waiting`` holds the
        requests that Nginx has open at it, where that is known.
    others
        ``cpu_pct`` of the other processes measured, a column each, over the same time.
    before
        Metrics of the affected process before the incident.
    samples
        Gives the query for the samples of a metric.
    cores
        How many cores the container may use, None where that is unknown.
    """
    if "cpu_pct" not in mine or mine["cpu_pct"].notna().sum() < FEWEST_SAMPLES:
        return []
    used = mine["cpu_pct"].dropna()
    usual = before["cpu_pct"].dropna() if "cpu_pct" in before else used.iloc[:0]
    calm = float(usual.median()) if len(usual) else 0.0
    part = granted_part(cores)
    if len(used) < ENOUGH_SAMPLES:
        return _idle(used, calm, samples("cpu_pct"), part)
    grown = 0.0
    if "threads" in mine and "threads" in before and len(before):
        grown = float(mine["threads"].median() - before["threads"].max())
    pressed = _pressed(used, calm, others, part, grown >= CROWD_THREADS)
    if pressed is None:
        return held(mine, before, samples) or _idle(used, calm, samples("cpu_pct"), part)
    text, strength = pressed
    sql, middle = samples("cpu_pct"), float(used.median())
    seen = [Observation("cpu_full", text, "host_metrics", len(used), sql, middle, "pct", strength, text)]
    if grown >= MORE_THREADS:
        more = message("health-cpu-threads", threads=round(grown))
        rows, sql = int(mine["threads"].notna().sum()), samples("threads")
        seen.append(Observation("cpu_threads", more, "host_metrics", rows, sql, grown, "threads"))
    return seen


def granted_part(cores: float | None) -> float:
    """Return how much of a core a loop may use: all of one at most, however many its container has."""
    return min(cores or 1.0, 1.0)


def _pressed(
    used: pd.Series, calm: float, others: pd.DataFrame, part: float, crowded: bool
) -> tuple[Text, float] | None:
    """Return in a sentence that the CPU was full, shared or risen, and how much that says (0 to 1)."""
    middle, rows = float(used.median()), len(used)
    limit = FULL_PCT * part
    levels: dict[str, Value] = {"median": percent(middle), "before": percent(calm)}
    # A quota is granted by the period: one sample holds what its neighbour lacks.
    full = max(int((one >= limit).sum()) for one in (used, _smooth(used) if part < 1 else used))
    if full >= 0.5 * rows and calm < limit:
        stood: dict[str, Value] = {"full": Count(full), "samples": Count(rows), **levels}
        if part < 1:
            return message("health-cpu-full-of-quota", **stood, cores=Number(part)), 1.0
        return message("health-cpu-full", **stood), 1.0
    is_far = rows >= HELD_SAMPLES and middle >= LEVEL_TIMES * calm + RISEN_MORE_PCT
    is_level = is_far and float(used.std()) <= LEVEL_SPREAD * middle
    # What a crowd of new threads uses differs from sample to sample, as they start and end.
    is_high = middle >= RISEN_LEAST_PCT * part or is_level or (is_far and crowded)
    if not is_high or middle < RISEN_TIMES * calm + RISEN_MORE_PCT * part:
        return None
    together = middle + (float(others.median().sum()) if len(others) else 0.0)
    if part == 1 and together >= FULL_PCT:
        return message("health-cpu-shared", **levels, together=percent(together)), 1.0
    if float(used.quantile(0.1)) >= FLAT_SHARE * middle and middle < FULL_PCT:
        return message("health-cpu-level", **levels), 1.0 if is_level else FLAT_TELLS
    return message("health-cpu-rose", **levels), RISE_TELLS


def percent(value: float) -> Share:
    """Return a percentage of a metric, such as 97 for 97 %, as a value of a message."""
    return Share(value / 100)


def held(mine: pd.DataFrame, before: pd.DataFrame, samples: Callable[..., str]) -> list[Observation]:
    """Find a process that gets no more CPU than it uses: level use at any height while requests wait.

    Work that arrives by chance makes the use of CPU vary: its variance grows with its mean. Starved of CPU,
    by a quota or by neighbours, a process uses in every second what it is given.
    """
    gauges = [name for name in ("in_flight", "waiting") if name in mine]
    if not gauges or "cpu_pct" not in before:
        return []
    # What the process has not begun waits for it as well.
    rows = mine.assign(open=mine[gauges].max(axis=1))[["cpu_pct", "open"]].dropna()
    busy = rows.loc[rows["open"] >= 1, "cpu_pct"]
    usual = before["cpu_pct"].dropna()
    if min(len(busy), len(usual)) < HELD_SAMPLES or len(busy) < 0.9 * len(rows):
        return []
    middle, steadier = float(busy.median()), _steadier(busy, usual)
    if middle < HELD_LEAST_PCT or steadier > HELD_DISPERSION:
        return []
    waits: dict[str, Value] = {
        "median": percent(middle),
        "requests": Count(round(float(rows["open"].median()))),
    }
    text = message(
        "health-cpu-held",
        **waits,
        low=percent(float(busy.quantile(0.05))),
        high=percent(float(busy.quantile(0.95))),
        times=Number(round(1 / max(steadier, 0.01))),
    )
    detail = message("health-cpu-held-detail", **waits)
    count, sql = int(mine["cpu_pct"].notna().sum()), samples("cpu_pct")
    return [Observation("cpu_held", text, "host_metrics", count, sql, middle, "pct", detail=detail)]


def _steadier(busy: pd.Series, usual: pd.Series) -> float:
    """Return the dispersion of samples over the usual one.

    A quota is granted by the period, so that one sample holds what its neighbour lacks: where single samples
    are steadier than usual but not clearly, means of three tell, in which that cancels out.
    """
    single, mean = (
        _dispersion(one) / max(_dispersion(other), 1e-9)
        for one, other in ((busy, usual), (_smooth(busy), _smooth(usual)))
    )
    return mean if HELD_DISPERSION < single <= STEADIER else single


def _smooth(used: pd.Series) -> pd.Series:
    return used.rolling(SMOOTHED).mean().dropna()


def _dispersion(used: pd.Series) -> float:
    """Return the variance of samples over their mean, by quantiles; no smaller than sampling's own."""
    spread = max(float(used.quantile(0.9) - used.quantile(0.1)) / 2.56, 0.3)
    return spread**2 / max(float(used.median()), 0.5)


def is_idle(used: pd.Series, calm: float, part: float = 1.0) -> bool:
    """Tell whether a process had CPU to spare, from its samples in per cent and their usual median.

    ``part`` is how much of a core it is granted.
    """
    return len(used) >= FEWEST_SAMPLES and float(used.quantile(0.9)) < max(IDLE_PCT * part, 1.5 * calm)


def _idle(used: pd.Series, calm: float, sql: str, part: float) -> list[Observation]:
    if not is_idle(used, calm, part):
        return []
    most = float(used.quantile(0.9))
    text = message("health-cpu-idle", median=percent(float(used.median())), most=percent(most))
    return [Observation("cpu_idle", text, "host_metrics", len(used), sql, float(used.median()), "pct")]
