"""Signals of what runs the containers: Kubernetes, ECS, Docker and load balancers.

They say why a container ended, that it does not come up, and how its probes fared. Their meaning is stated in
the documentation of the platforms, which the grades of the causes name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import container_of, own_containers
from watchme_analysis.health.context import HealthContext, usual_answers_s
from watchme_analysis.health.harm import URL_PATH
from watchme_analysis.health.rows import Facts, Values, lines, observation
from watchme_analysis.health.thresholds import FEWEST, MANY
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Names,
    Number,
    Quotation,
    Resource,
    message,
)

if TYPE_CHECKING:
    import pandas as pd

# A container in a crash loop is started again after five minutes at most; until then its last end explains
# refused connections (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
BACK_OFF = timedelta(minutes=5)
# Strength of a state without its time, by choice: it may be older than the incident.
UNTIMED = 0.5
# Exit codes of a process that ended by itself when it was asked to: 0, and 128 + SIGTERM.
ON_REQUEST = (0, 143)
# Exit code of a process that SIGKILL ended, as the kernel does for memory.
SIGKILL = 137
# How platforms say that a probe was answered with a status that it does not accept.
_STATUS = r"statuscode: \d{3}|with these codes: \[\d{3}|ResponseCodeMismatch"
# Names of pods or tasks that a sentence lists.
_NAMED = 3
_PLATFORMS = {
    "kubernetes": "Kubernetes", "ecs": "Amazon ECS", "docker": "Docker", "alb": "Elastic Load Balancing",
}  # fmt: skip
# Kinds of events that say that a container does not come up.
NOT_STARTED = ("image_error", "start_failed", "scheduling_failed")


@detects("container_out_of_memory", group="memory", needs=("container_events",))
@detects(
    "container_crash_loop", "container_not_started", "container_ended", group="restarts",
    needs=("container_events",),
)  # fmt: skip
def ends(context: HealthContext) -> list[Observation]:
    """Return observations of containers of the affected service that ended or did not come up."""
    rows = _meanwhile(context)
    of = rows["kind"]
    killed = rows[of == "killed_for_memory"]
    ended = rows[(of == "stopped") | (of == "evicted")]
    # A process that ended on request was replaced or restarted on purpose.
    ended = ended[~ended["exit_code"].isin(ON_REQUEST).fillna(False)]
    if len(killed):
        # Docker tells of a kill for memory and of the end that follows; both are one.
        ended = ended[~ended["exit_code"].eq(SIGKILL).fillna(False)]
    granted = own_containers(context, "container_settings")["memory_bytes"].dropna()
    facts = {"granted": Number(round(granted.min() / 2**20))} if len(granted) else {}
    found = [
        *_observed(context, "container_out_of_memory", killed, facts=facts),
        *_observed(context, "container_crash_loop", rows[of == "crash_loop"]),
        *_observed(context, "container_not_started", rows[of.isin(NOT_STARTED)]),
    ]
    return found or [*_observed(context, "container_ended", ended, FEWEST)]


@detects("container_probe_refused", group="listening", needs=("container_events",))
@detects(
    "container_probe_strict", "container_probe_timeout", "target_timeout", "container_probe_status",
    "container_unhealthy",
    group="container probes", needs=("container_events", "container_settings"),
)  # fmt: skip
def probes(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of failed probes of the affected service's containers."""
    rows = _meanwhile(context)
    late, of_target = rows[rows["kind"] == "probe_timed_out"], rows["probe"].eq("lb").fillna(False)
    failed = rows["kind"] == "probe_failed"
    is_status = rows["reason"].str.contains(_STATUS).fillna(False)
    unhealthy = rows[(failed & ~is_status | (rows["kind"] == "unhealthy")) & ~of_target]
    yield from _observed(context, "container_probe_refused", rows[rows["kind"] == "probe_refused"])
    if strict := [*_strict(context, rows)]:
        yield from strict
    else:
        yield from _observed(context, "container_probe_timeout", late[~of_target[late.index]])
        yield from _observed(context, "target_timeout", late[of_target[late.index]])
    yield from _observed(context, "container_probe_status", rows[failed & is_status])
    yield from _observed(context, "container_unhealthy", unhealthy)


def _meanwhile(context: HealthContext) -> pd.DataFrame:
    """Return the events of the affected service that belong to the incident, and states without a time."""
    import pandas as pd

    rows = own_containers(context, "container_events")
    last, first = rows["time"], rows["first_time"].fillna(rows["time"])
    if context.incident is not None:
        during = (last >= pd.Timestamp(context.start - BACK_OFF)) & (first <= pd.Timestamp(context.end))
    else:
        # Of what many callers fared well after, nothing holds any more.
        well = context.outer.loc[~context.outer["bad"], "start"].sort_values()
        during = last > well.iloc[-MANY] if len(well) >= MANY else last.notna()
    return rows[during.fillna(False) | last.isna()]


def _observed(
    context: HealthContext, signal: str, rows: pd.DataFrame, enough: float = 1, facts: Facts | None = None
) -> Iterator[Observation]:
    """Yield the observation of some events, as strong as their number and their times allow."""
    if rows.empty:
        return
    timed = rows[rows["time"].notna()]
    shown = timed if len(timed) else rows
    times = int(shown["count"].fillna(1).sum())
    reason = str(shown["reason"].dropna().mode().iloc[0]) if shown["reason"].notna().any() else ""
    objects = tuple(dict.fromkeys(map(str, shown["object"].fillna(shown["service"]).dropna())))
    values: Values = {
        "kind": Choice(signal.replace("_", "-")),
        "platform": Resource(_PLATFORMS[str(shown["platform"].iloc[0])]),
        "objects": Names(objects, _NAMED),
        "times": Count(times),
        "reason": Quotation(reason),
    }
    strength = by_count(times, enough) * (UNTIMED if timed.empty else 1.0)
    yield observation(
        context,
        signal,
        lines("container_events", shown),
        words="container",
        more=message("health-container-untimed") if timed.empty else None,
        detail=message("health-container", **values),
        strength=strength,
        facts=facts,
        **values,
    )


def _strict(context: HealthContext, rows: pd.DataFrame) -> Iterator[Observation]:
    """Yield the observation of a probe that waits for less than its path usually takes, where callers wait.

    Only good responses outside the incident tell what is usual: within, they may be late for the same reason
    for which the probe fails. Docker's events do not say why a check failed.
    """
    usual = usual_answers_s(context)
    inner = context.nginx_routes.passed_as(list(usual))
    for probe, path, timeout_s in _checks(context):
        failed = rows[rows["kind"].isin(("probe_timed_out", "unhealthy")) & rows["probe"].eq(probe)]
        taken = [seconds for route, seconds in usual.items() if path in (route, inner.get(route))]
        if failed.empty or not taken or max(taken) < timeout_s:
            continue
        yield observation(
            context,
            "container_probe_strict",
            lines("container_events", failed),
            (timeout_s, "s"),
            words="probe-strict",
            is_mechanism=True,
            probe=Choice(probe),
            times=failed["count"].fillna(1).sum(),
            path=Resource(path),
            timeout=Duration(timeout_s),
            usual=Duration(max(taken)),
        )
        return


def _checks(context: HealthContext) -> Iterator[tuple[str, str, float]]:
    """Yield kind, path and timeout in seconds of each probe that asks the affected service for a path."""
    settings, every = own_containers(context, "container_settings"), context.table("container_settings")
    of_target_groups = every[every["probe"].eq("lb").fillna(False)]
    # A target group has a name of its own; the only one there is belongs to the targets that are told of.
    settings = of_target_groups if settings.empty and len(of_target_groups) == 1 else settings
    known = settings[settings["timeout_s"].notna() & settings["path"].notna()]
    for probe, path, timeout_s in zip(known["probe"], known["path"], known["timeout_s"], strict=True):
        yield str(probe), str(path), float(timeout_s)
    composed = container_of(context)
    asked = URL_PATH.search(composed.health.test) if composed and composed.health else None
    if composed and composed.health and asked:
        yield "container", asked[1], composed.health.timeout_s


DETECTORS = (ends, probes)
