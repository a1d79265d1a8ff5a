"""Code that hangs after a deployment, and an API that hangs: the rest distinguishes the time-outs."""

import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation

pytestmark = pytest.mark.slow

TIMED_OUT = "Task timed out after 30.00 seconds"
DEPLOY = "UpdateFunctionCode20150331v2"


def hanging(last=1440 - 20, deployed=595, redeployed=None):
    world = World()
    world.fail(600, last, 30.0, TIMED_OUT)
    for minute in (deployed, redeployed):
        if minute is not None:
            world.change(minute, DEPLOY, "job-runner", functionName="job-runner")
    return world


def log(world, minute, *kinds_and_lines):
    """Add one run's records."""
    events = world.table("log_events")
    request = f"run-{minute}"
    for kind, line in kinds_and_lines:
        events.loc[len(events)] = {
            **dict.fromkeys(events.columns, None),
            "function": "job-runner", "kind": kind, "message": line, "request_id": request,
            "time": START + pd.Timedelta(minutes=minute), "ptr": f"{request}-{len(events)}",
            "query_name": "recent",
        }  # fmt: skip


GOOD = (
    ("start", "START"),
    ("application", "POST http://192.0.2.7:8013/jobs a"),
    ("application", "done a"),
    ("end", "E"),
)
WAITING = (
    ("start", "START"),
    ("application", "POST http://192.0.2.7:8013/jobs b"),
    ("timeout", TIMED_OUT),
    ("end", "E"),
)
STUCK = (("start", "START"), ("application", "loading the model"), ("timeout", TIMED_OUT), ("end", "E"))


def ask(world):
    return diagnose(Investigation(world, "backlog"))


def test_time_outs_right_after_a_deployment_alone_do_not_tell():
    found = ask(hanging())
    assert found.verdict == "inconclusive"
    assert {entry.finding.cause for entry in found.ranking[:2]} == {"consumer_failing", "downstream_slow"}


@pytest.mark.parametrize(("runs", "cause"), [(WAITING, "downstream_slow"), (STUCK, "consumer_failing")])
def test_what_the_runs_had_logged_last_tells(runs, cause):
    world = hanging()
    log(world, 500, *GOOD)
    for minute in (1001, 1031, 1061):
        log(world, minute, *runs)
    found = ask(world)
    assert found.cause == cause
    assert bool(found.extra["change"]) == (cause == "consumer_failing")
    evidence = [item for entry in found.ranking for item in entry.finding.evidence]
    assert sum(item.check == "last log line" for item in evidence) == 2


def test_silence_tells_nothing_where_good_runs_are_as_silent():
    world = hanging()
    log(world, 500, ("start", "START"), ("application", "done a"), ("end", "E"))
    log(world, 1001, *STUCK)
    assert ask(world).verdict == "inconclusive"


def test_broken_code_does_not_heal_by_itself():
    assert ask(hanging(last=900)).cause == "downstream_slow"
    found = ask(hanging(last=900, redeployed=880))
    assert found.cause == "consumer_failing"
    assert found.extra["change"]["time"].startswith("2025-12-10T09:55")


def test_a_deployment_that_good_runs_followed_is_a_decoy():
    assert ask(hanging(deployed=440)).cause == "downstream_slow"
