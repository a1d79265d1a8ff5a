"""Signals of the CPU: full, shared, held at a ceiling, idle, or taken by neighbours on the machine.

Metrics of the machine or the control group show best that a process is not given the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import gauges, samples
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Rows, Values, observation, quoted, within
from watchme_analysis.health.thresholds import FEWEST, MOST, WHOLE
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import (
    Count,
    Message,
    Number,
    Resource,
    Share,
    Text,
    Value,
    message,
    sentences,
)

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
# How metrics of a whole machine or control group are called, in words of their names.
_MACHINE = re.compile(r"host|node|machine|system|total|group|cgroup")
_MACHINE_NAMES = re.compile(r"host|node|machine|system|ec2")
# From which share of a machine's CPU there is none left for who asks, and the most that the process may use
# of it itself.
MACHINE_FULL_PCT = 85.0
OWN_SHARE = 0.6
# Share of time that a hypervisor takes or tasks stand waiting for CPU (PSI) that a caller notices.
STOLEN_PCT = 20.0


def cpu(
    context: HealthContext,
    mine: pd.DataFrame,
    others: pd.DataFrame,
    before: pd.DataFrame,
    cores: float | None = None,
) -> Iterator[Observation]:
    """Yield observations of the CPU of the affected process.

    ``mine`` and ``before`` have its metrics in the incident and before it, a column each, times as index;
    where it is known, ``waiting`` holds the requests that Nginx has open at it. ``others`` has ``cpu_pct`` of
    the other processes measured. The container may use so many ``cores``, None: unknown.
    """
    used = mine["cpu_pct"].dropna() if "cpu_pct" in mine else mine.iloc[:0, 0]
    if len(used) < FEWEST_SAMPLES:
        return
    usual = before["cpu_pct"].dropna() if "cpu_pct" in before else used.iloc[:0]
    calm = float(usual.median()) if len(usual) else 0.0
    part = granted_part(cores)
    grown = 0.0
    if "threads" in mine and "threads" in before and len(before):
        grown = float(mine["threads"].median() - before["threads"].max())
    rows, effect = samples(context, "cpu_pct", len(used)), (float(used.median()), "pct")
    pressed = None
    if len(used) >= ENOUGH_SAMPLES:
        pressed = _pressed(used, calm, others, part, grown >= CROWD_THREADS)
    if pressed is not None:
        text, strength = pressed
        yield Observation("cpu_full", text, *rows, *effect, strength, text)
        if grown >= MORE_THREADS:
            shared = samples(context, "threads", int(mine["threads"].notna().sum()))
            yield observation(context, "cpu_threads", shared, (grown, "threads"), threads=round(grown))
        return
    # A process that serves others well meanwhile was given CPU.
    is_short = len(used) >= ENOUGH_SAMPLES and not context.calm_neighbours()
    ceiling = held(context, mine, before) if is_short else None
    if ceiling is not None:
        yield ceiling
    elif has_cpu_to_spare(used, calm, part):
        levels: Values = {"median": percent(effect[0]), "most": percent(float(used.quantile(0.9)))}
        yield observation(context, "cpu_idle", rows, effect, **levels)


def granted_part(cores: float | None) -> float:
    """Return how much of a core a loop may use: all of one at most, however many its container has."""
    return min(cores or 1.0, 1.0)


def _pressed(
    used: pd.Series, calm: float, others: pd.DataFrame, part: float, crowded: bool
) -> tuple[Text, float] | None:
    """Return in a sentence that the CPU was full, shared or risen, and how much that says (0 to 1)."""
    middle, rows = float(used.median()), len(used)
    limit = FULL_PCT * part
    levels: Values = {"median": percent(middle), "before": percent(calm)}
    # A quota is granted by the period: one sample holds what its neighbour lacks.
    full = max(int((one >= limit).sum()) for one in (used, _smooth(used) if part < 1 else used))
    if full >= MOST * rows and calm < limit:
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


def held(context: HealthContext, mine: pd.DataFrame, before: pd.DataFrame) -> Observation | None:
    """Return the observation of a process limited to the CPU that it uses: level use while requests wait.

    Work that arrives by chance makes the use of CPU vary: its variance grows with its mean. Starved of CPU,
    by a quota or by neighbours, a process uses in every second what it is given.
    """
    gauges = [name for name in ("in_flight", "waiting") if name in mine]
    if not gauges or "cpu_pct" not in before:
        return None
    # What the process has not begun waits for it as well.
    rows = mine.assign(open=mine[gauges].max(axis=1))[["cpu_pct", "open"]].dropna()
    busy = rows.loc[rows["open"] >= 1, "cpu_pct"]
    usual = before["cpu_pct"].dropna()
    if min(len(busy), len(usual)) < HELD_SAMPLES or len(busy) < WHOLE * len(rows):
        return None
    middle, steadier = float(busy.median()), _steadier(busy, usual)
    if middle < HELD_LEAST_PCT or steadier > HELD_DISPERSION:
        return None
    return observation(
        context,
        "cpu_held",
        samples(context, "cpu_pct", int(mine["cpu_pct"].notna().sum())),
        (middle, "pct"),
        median=percent(middle),
        requests=round(float(rows["open"].median())),
        low=percent(float(busy.quantile(0.05))),
        high=percent(float(busy.quantile(0.95))),
        times=Number(round(1 / max(steadier, 0.01))),
    )


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


def has_cpu_to_spare(used: pd.Series, calm: float, part: float = 1.0) -> bool:
    """Return whether a process had CPU to spare, from its samples in per cent and their usual median.

    ``part`` is how much of a core it is granted.
    """
    return len(used) >= FEWEST_SAMPLES and float(used.quantile(0.9)) < max(IDLE_PCT * part, 1.5 * calm)


@detects("host_cpu_full", group="host cpu", needs=("host_metrics",))
def machine(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a full host, stolen time or a CPU quota, while the process uses little."""
    metrics = context.table("host_metrics").dropna(subset=["time", "value"])
    for (service, metric), rows in metrics.groupby([metrics["service"].fillna(""), "metric"]):
        short = _short_of_cpu(context, str(service), str(metric), rows)
        if short is None or _own_use(context, metrics) >= OWN_SHARE * MACHINE_FULL_PCT:
            continue
        said = (f"metric = {quoted(str(metric))}", f"coalesce(service, '') = {quoted(str(service))}")
        sql = within(context, "host_metrics", *said, "value is not null")
        during = context.of_incident(rows)["value"]
        yield Observation(
            "host_cpu_full",
            sentences(short, message("health-little-own-cpu")),
            *Rows("host_metrics", len(during), sql),
            float(during.median()),
            "pct",
            by_count(len(during)),
            short,
            facts={"quota": short.values["metric"]} if short.id.startswith("health-throttled-") else {},
        )
        return


def _short_of_cpu(context: HealthContext, service: str, metric: str, rows: pd.DataFrame) -> Message | None:
    """Return in a sentence that a metric of the machine shows no CPU left, None when it does not."""
    during, before = context.of_incident(rows)["value"], rows.loc[rows["time"] < context.start, "value"]
    if len(during) < FEWEST:
        return None
    middle, usual = float(during.median()), float(before.median()) if len(before) else 0.0
    name = metric.lower()
    is_machine = _MACHINE.search(name) or (
        name.startswith("cpu") and _MACHINE_NAMES.fullmatch(service.lower())
    )
    if "steal" in name or ("cpu" in name and re.search(r"psi|pressure|some", name)):
        if middle >= STOLEN_PCT and middle >= 2 * usual:
            levels: Values = {"now": percent(middle), "before": percent(usual)}
            return message("health-metric-stood", metric=Resource(metric), **levels)
    elif "throttl" in name:
        grows = bool((rows["value"].diff().dropna() >= 0).all())
        now, then = (
            (float(during.diff().mean()), float(before.diff().mean()) if len(before) > 2 else 0.0)
            if grows
            else (middle, usual)
        )
        if now > 0 and now >= 3 * max(then, 0.0):
            # The quota of a control group, cpu.stat (cgroup-v2.rst of the Linux kernel).
            rates = {"now": Number(now), "before": Number(then)}
            known = "rose" if grows else "stood"
            return message(f"health-throttled-{known}", metric=Resource(metric), **rates)
    # A sum over cores exceeds 100 % and says nothing of what is left.
    elif "cpu" in name and is_machine and rows["value"].max() <= 100.5:
        return _full(metric, middle, usual)
    return None


def _full(metric: str, middle: float, usual: float) -> Message | None:
    if middle < MACHINE_FULL_PCT or usual >= MACHINE_FULL_PCT - 10:
        return None
    levels: Values = {"now": percent(middle), "before": percent(usual)}
    return message("health-metric-of-host", metric=Resource(metric), **levels)


def _own_use(context: HealthContext, metrics: pd.DataFrame) -> float:
    """Return the median CPU of the affected process in the incident, 0 where it is not measured."""
    rows = context.of_incident(metrics[metrics["metric"] == "cpu_pct"])
    named = rows["service"].fillna("")
    mine = rows[~named.str.lower().str.fullmatch(_MACHINE_NAMES.pattern).astype(bool)]
    middles = mine.groupby(mine["service"].fillna(""))["value"].median()
    return float(middles.max()) if len(middles) else 0.0


def is_sampled(context: HealthContext) -> bool:
    """Return True when the CPU of the affected process was sampled in the incident."""
    wide = gauges(context) if context.has("host_metrics") else None
    if wide is None or "cpu_pct" not in wide:
        return False
    return int(wide.loc[context.start : context.end, "cpu_pct"].notna().sum()) >= FEWEST_SAMPLES


DETECTORS = (machine,)
