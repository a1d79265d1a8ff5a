"""Causes that lie in the function or in the API behind it."""

from __future__ import annotations

from dataclasses import replace

from watchme_analysis.backlog.changes import undoing_change
from watchme_analysis.backlog.hypotheses.evidence import (
    creep_evidence,
    error_evidence,
    last_words_evidence,
    limit_evidence,
    no_failures_evidence,
    run_time_evidence,
    share_evidence,
    slow_without_failures,
    surge_against,
)
from watchme_analysis.backlog.hypotheses.leads import died_of_creep, surge_leads
from watchme_analysis.backlog.hypotheses.memory import memory_evidence
from watchme_analysis.backlog.hypotheses.picture import (
    Picture,
    change_evidence,
    change_for,
    change_rows,
    picture,
)
from watchme_analysis.backlog.hypotheses.rows import matching, points
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.backlog.hypotheses.window import incident_window
from watchme_analysis.inference.findings import Evidence, Finding, Investigation, hypothesis
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.queues.retries import retries
from watchme_analysis.text.shell_quoting import shell_option

# So many good runs since its last change tell that it was not the change.
RAN_WELL = 10


@hypothesis(
    "backlog",
    title="The function itself breaks",
    needs=("metrics", "log_events", "changes", "functions"),
    cannot_see=("Code that was deployed, only that it was.", "Changes that CloudTrail did not record."),
)
def consumer_failing(inv: Investigation) -> Finding:
    """Every run fails with errors of its own, mostly since a deployment."""
    view = inv.once(picture)
    signs = view.focus
    evidence: list[Evidence] = []
    if signs is not None:
        deployed = signs.failures is not None and change_for(view, "consumer_failing") is not None
        limited = [
            *limit_evidence(inv, signs, "limit_lowered"),
            *memory_evidence(inv, view, signs, "memory_lowered"),
        ]
        # Code that waits for ever dies of the time limit as well, but then a deployment brought it.
        may_wait = deployed or bool(limited)
        own = _own_code(inv, signs)
        evidence = [
            *error_evidence(inv, signs, ("function",), "own_error", ("timeout",) if may_wait else ()),
            *share_evidence(
                inv, signs, some_weight="some_pass_unsteady" if own or _unsteady(signs) else "some_pass"
            ),
            *own,
            *(limited or last_words_evidence(inv, signs, "-waits_for_call", "before_call")),
            *_end_evidence(inv, view, signs, deployed),
            *run_time_evidence(
                inv,
                signs,
                limit=0.0 if may_wait else weight("runs_at_limit_against"),
                longer=0.0 if limited else weight("runs_longer_against"),
                usual=0.0 if signs.errors.total or limited else weight("runs_got_far"),
                short=weight("runs_short"),
            ),
            *no_failures_evidence(inv, signs, weight("no_failures")),
        ]
        if signs.failures is not None:
            evidence += change_evidence(inv, view, "consumer_failing")
            evidence += [] if deployed else _unchanged(inv, signs)
    name = shell_option("--function-name", (signs and signs.pipeline.function) or "FUNCTION", "FUNCTION")
    return Finding(
        "consumer_failing",
        tuple(evidence),
        detail=signs.errors.examples.get("function") if signs else None,
        next_test=f"`aws lambda invoke {name}` with one dead letter's body; read its log.",
    )


def _unsteady(signs: QueueAnalysis) -> bool:
    """Tell whether messages that failed once passed at a later try: it fails now and then."""
    tried = retries(signs)
    return tried is not None and tried.pass_later


def _own_code(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh a Python error that no single message and no dead API explains: in all runs, or now and then."""
    everywhere = (signs.passed_share or 0.0) <= 0.15 and not piled_on_one(signs.devices)
    if signs.failures is None or signs.errors.share("code_or_message") < 0.5 or surge_leads(signs):
        return []
    if not (_unsteady(signs) or everywhere):
        return []
    return [
        replace(item, weight=weight("own_code_error"), check="whose error")
        for item in error_evidence(inv, signs, ("code_or_message",), "own_code_error")
    ]


def _unchanged(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that the function's configuration says when it last changed, and that it ran well since."""
    modified, failures = signs.pipeline.settings.function_modified_at, signs.failures
    if modified is None or failures is None:
        return []
    frame = signs.pipeline.frame
    since = frame[(frame.index >= modified) & (frame.index < failures.start)]
    well = float((since["tried"] - since["failed"].fillna(0.0)).sum())
    if well < RAN_WELL:
        return []
    return [
        Evidence(
            f"{signs.pipeline.function} was last changed at {modified:%Y-%m-%d %H:%M} UTC, as its "
            "configuration "
            f"says, and {well:,.0f} {signs.pipeline.tries} went well before the failures began.",
            weight=weight("unchanged_own" if signs.errors.share("function") >= 0.5 else "unchanged"),
            effect=well,
            check="change",
            **matching(inv, "functions", ("function", "=", signs.pipeline.function)),
        )
    ]


def _end_evidence(inv: Investigation, view: Picture, signs: QueueAnalysis, deployed: bool) -> list[Evidence]:
    """Weigh how failures after a deployment ended: by the next deployment, or by themselves.

    Only where no logged error tells more: a time-out does not say what was waited for.
    """
    told = signs.errors.total and signs.errors.share("timeout") < 0.5
    if not deployed or signs.failures is None or told:
        return []
    end = incident_window(view, "consumer_failing")[1]
    if end is None:
        return []
    undone = undoing_change(view.changes, "consumer_failing", signs.pipeline, signs.failures.start)
    runs = signs.pipeline.frame["invocations"].fillna(0.0)
    good = runs.index[(runs > 0) & (runs.index >= signs.failures.end)]
    by_deploy = undone is not None and (not len(good) or undone.time <= good[0].to_pydatetime())
    return [
        Evidence(
            f"The failures ended by {end:%Y-%m-%d %H:%M} UTC "
            + (
                f"with another deployment at {undone.time:%H:%M}."
                if by_deploy and undone is not None
                else "though nothing of the function was changed again."
            ),
            weight=weight("healed_by_deploy") if by_deploy else weight("healed"),
            check="how it ended",
            **(
                change_rows(inv, undone)
                if by_deploy and undone is not None
                else matching(inv, "changes", ("time", ">=", signs.failures.start))
            ),
        )
    ]


@hypothesis(
    "backlog",
    title="The API behind the function is down",
    needs=("metrics", "log_events"),
    cannot_see=("The API's own log and its container's state.",),
)
def downstream_down(inv: Investigation) -> Finding:
    """Every run fails fast because nothing answers."""
    view = inv.once(picture)
    signs = view.focus
    evidence: list[Evidence] = []
    if signs is not None:
        # An API that wants fewer requests though no more came has less to give than before.
        refuses = not surge_leads(signs)
        kinds = ("unreachable", "server_error", *(("overload",) if refuses else ()))
        evidence = [
            *error_evidence(inv, signs, kinds, "unreachable_error", () if refuses else ("overload",)),
            *share_evidence(inv, signs),
            *run_time_evidence(
                inv,
                signs,
                limit=weight("runs_at_limit_against"),
                longer=0.0,
                usual=weight("runs_as_refused"),
                short=weight("runs_as_refused"),
            ),
            *no_failures_evidence(inv, signs, weight("no_failures")),
            *creep_evidence(inv, signs, weight("creep_not_step"), 0.0),
            *surge_against(inv, signs),
        ]
        evidence += [item for item in change_evidence(inv, view, "downstream_down") if item.weight > 0]
    return Finding(
        "downstream_down",
        tuple(evidence),
        detail=signs.errors.examples.get(signs.errors.main or "") if signs else None,
        next_test="`docker ps`, and `curl` the API's /health on its host; read the proxy's error log.",
    )


@hypothesis(
    "backlog",
    title="The API behind the function is slow or hangs",
    needs=("metrics", "log_events"),
    cannot_see=("Why the API is slow: its own metrics and log are needed.",),
)
def downstream_slow(inv: Investigation) -> Finding:
    """Wait for the API until the time limit: runs last as long as they may."""
    view = inv.once(picture)
    signs = view.focus
    evidence: list[Evidence] = []
    if signs is not None:
        evidence = [
            *error_evidence(inv, signs, ("timeout",), "timeout_error"),
            *share_evidence(inv, signs, some_weight="some_pass_slow"),
            *run_time_evidence(
                inv,
                signs,
                limit=weight("runs_at_limit"),
                longer=weight("runs_longer"),
                usual=weight("runs_usual"),
                short=weight("runs_short_against"),
            ),
            *slow_without_failures(inv, signs),
            *creep_evidence(inv, signs, weight("creep_not_step"), 0.0),
            *surge_against(inv, signs),
            *_one_message(inv, signs),
            *limit_evidence(inv, signs, "limit_lowered_against"),
            *memory_evidence(inv, view, signs, "memory_lowered_against"),
            *_deployed_before(inv, view, signs),
        ]
        evidence += [item for item in change_evidence(inv, view, "downstream_slow") if item.weight > 0]
    return Finding(
        "downstream_slow",
        tuple(evidence),
        detail=signs.errors.examples.get("timeout") if signs else None,
        next_test="Time the API's /async-process from its own host and from the function's network.",
    )


def _one_message(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh that the same messages wait in vain every time while others pass around them."""
    tried = retries(signs)
    if tried is None or not tried.lies_in_the_message:
        return []
    return [
        Evidence(
            f"{signs.dead_lettered:,d} dead letters used up {tried.spent:,.0f} of {tried.failed:,.0f} "
            f"failed tries, while {tried.passed:,.0f} {signs.pipeline.tries} of others went well.",
            weight=weight("same_messages_fail_against"),
            effect=tried.passed,
            effect_unit="messages",
            check="same messages fail",
            **points(inv, signs.pipeline, ("failed", "dlq_visible")),
        )
    ]


def _deployed_before(inv: Investigation, view: Picture, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh a deployment of the function itself right before its runs began to wait.

    What the runs had logged last answers it, and says nothing else: runs also wait for an API that leaks or
    is overrun.
    """
    if signs.failures is None or change_for(view, "consumer_failing") is None:
        return []
    return [
        *(
            replace(item, weight=weight("deployed_before"))
            for item in change_evidence(inv, view, "consumer_failing")
        ),
        *([] if signs.limit_lowered else last_words_evidence(inv, signs, "waits_for_call", "-before_call")),
    ]


@hypothesis(
    "backlog",
    title="The API's answer time creeps up over days",
    needs=("metrics",),
    cannot_see=("What leaks: memory, connections and table sizes of the API are not in the case.",),
)
def slow_leak(inv: Investigation) -> Finding:
    """Run time rises over many hours until it passes the time limit."""
    view = inv.once(picture)
    signs = next((item for item in view.affected if item.creeping), view.focus)
    evidence: list[Evidence] = []
    if signs is not None:
        died = died_of_creep(signs)
        evidence = [
            *creep_evidence(inv, signs, weight("creep"), weight("no_creep")),
            *error_evidence(inv, signs, ("timeout",), "timeout_error", ("unreachable",) if died else ()),
            *run_time_evidence(
                inv,
                signs,
                limit=weight("runs_at_limit"),
                longer=weight("runs_longer"),
                usual=0.0 if died else weight("runs_not_longer_leak"),
                short=0.0 if died else weight("runs_short_against"),
            ),
            *surge_against(inv, signs),
        ]
        if "duration_avg_s" not in signs.pipeline.asked:
            # Without run times nothing tells a creep that has come to its end from an API that hangs.
            evidence += share_evidence(inv, signs, some_weight="some_pass_slow")
    return Finding(
        "slow_leak",
        tuple(evidence),
        next_test="Plot the API's memory, connections and answer time over the same days; restart and watch.",
    )
