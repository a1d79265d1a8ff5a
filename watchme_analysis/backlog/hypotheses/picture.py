"""The picture that all backlog hypotheses share: signs of every pipeline, the worst-hit one, the changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from watchme_analysis.backlog.changes import Change, fitting_change, recorded_changes, state_changes
from watchme_analysis.backlog.hypotheses.leads import surge_leads
from watchme_analysis.backlog.hypotheses.rows import Rows, matching
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Investigation
from watchme_analysis.queues.anomalies import QueueAnalysis, analyse_queues
from watchme_analysis.queues.pipeline import Pipeline, pipelines

QUEUE_METRICS = ("sent", "received", "visible", "age_s")
FUNCTION_METRICS = ("invocations", "errors", "duration_avg_s")


@dataclass(frozen=True)
class Picture:
    """What a case shows about its queues.

    Attributes
    ----------
    signs
        One a pipeline.
    affected
        The flows that were harmed, the worst first.
    changes
        Changes that a trail recorded or a configuration tells of, oldest first.
    """

    signs: tuple[QueueAnalysis, ...]
    affected: tuple[QueueAnalysis, ...]
    changes: tuple[Change, ...]

    @property
    def flows(self) -> tuple[Pipeline, ...]:
        """All flows."""
        return tuple(item.pipeline for item in self.signs)

    @property
    def focus(self) -> QueueAnalysis | None:
        """The worst-hit pipeline."""
        return self.affected[0] if self.affected else None

    @property
    def first_trouble(self) -> datetime | None:
        """The earliest trouble of the worst-hit pipeline."""
        return None if self.focus is None else self.focus.first_trouble()


def picture(inv: Investigation) -> Picture:
    """Return the picture of an investigation; ask for it through ``inv.once``."""
    found = pipelines(inv, inv.options.get("queue"))
    queues = {pipeline.queue for pipeline in found}
    signs = tuple(item for item in analyse_queues(inv) if item.pipeline.queue in queues)
    affected = sorted((item for item in signs if item.harms), key=_severity, reverse=True)
    recorded = recorded_changes(inv, found)
    changes = sorted([*recorded, *state_changes(inv, found, recorded)], key=lambda change: change.time)
    return Picture(signs, tuple(affected), tuple(changes))


def _severity(signs: QueueAnalysis) -> float:
    """Order flows by messages harmed: dead, lost, failed, delayed."""
    worst = signs.worst
    return (
        3.0 * signs.dead_lettered
        + 3.0 * signs.balance.lost
        + (signs.failures.count if signs.failures else 0.0)
        + (worst.peak * 2.0 if worst else 0.0)
        + (signs.redelivery.count * 0.2 if signs.redelivery else 0.0)
        + (signs.throttles.count * 0.01 if signs.throttles else 0.0)
        + (20.0 if signs.creeping else 0.0)
    )


def signs_for(view: Picture, cause: str) -> QueueAnalysis | None:
    """Return the pipeline that shows a cause best."""
    pick: Callable[[QueueAnalysis], bool] | None = {
        "arrival_surge": surge_leads,
        "throttled": lambda item: "throttles" in item.harms,
        "visibility_misconfig": lambda item: bool(item.redelivery or item.hidden),
        "mapping_disabled": lambda item: item.unpolled is not None or item.stalled,
        "slow_leak": lambda item: item.creeping is not None,
    }.get(cause)
    return next((item for item in view.affected if pick is not None and pick(item)), view.focus)


def change_for(view: Picture, cause: str) -> Change | None:
    """Return the change that fits a cause for the pipeline that shows it best, or None."""
    focus = signs_for(view, cause)
    if focus is None:
        return None
    first = focus.first_trouble()
    # A short wait of messages may come before by chance; what the cause itself shows tells its time.
    own = {
        "consumer_failing": focus.failures,
        "downstream_down": focus.failures,
        "throttled": focus.throttles,
        "visibility_misconfig": focus.redelivery or focus.hidden,
        "mapping_disabled": focus.unpolled,
    }.get(cause)
    if own is not None:
        first = own.start
    elif cause == "mapping_disabled" and focus.stalled and view.changes:
        # It stands still now; that hardly a run came after the change tells since when.
        ends = [moment.to_pydatetime() for moment in focus.pipeline.frame.index[-1:]]
        first = max([*ends, view.changes[-1].time])
    if first is None:
        return None
    return fitting_change(view.changes, cause, focus.pipeline, first)


def change_evidence(inv: Investigation, view: Picture, cause: str) -> list[Evidence]:
    """Return what the recorded changes say for a cause that a change would have brought about."""
    table = inv.table("changes")
    change = change_for(view, cause)
    if change is not None:
        signs = signs_for(view, cause)
        first = None if signs is None else signs.first_trouble()
        minutes = None if first is None else (first - change.time).total_seconds() / 60.0
        if minutes is None:
            when = "and few runs after it"
        elif minutes < 0:
            when = "in the interval in which the trouble began"
        else:
            when = f"{minutes:.0f} min before the first trouble, with no good run in between"
        who = f"by {change.user or 'unknown'}" if change.is_recorded else "as its configuration says,"
        return [
            Evidence(
                f"{change.what} on {change.resource} {who} at {change.time:%Y-%m-%d %H:%M:%S} UTC, {when}.",
                weight=weight("change_fits" if change.is_recorded else "modified_fits"),
                effect=minutes,
                effect_unit=None if minutes is None else "min",
                check="change",
                **change_rows(inv, change),
            )
        ]
    if table.empty:
        return []
    return [
        Evidence(
            "The one recorded change could not have done this, or did not come right before."
            if len(table) == 1
            else f"None of {len(table)} recorded changes could have done this and came right before.",
            weight=weight("no_change"),
            check="change",
            **matching(inv, "changes"),
        )
    ]


def change_rows(inv: Investigation, change: Change) -> Rows:
    """Return the row of a change."""
    if not change.is_recorded:
        name = "function" if change.table == "functions" else "queue"
        return matching(inv, change.table, (name, "=", change.resource))
    named = ("event_id", "=", change.event_id) if change.event_id is not None else ("time", "=", change.time)
    return matching(inv, "changes", named, ("event_name", "=", change.event_name))
