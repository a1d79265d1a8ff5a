"""A visibility timeout of hours: what failed once stays in flight that long, and nothing else tells of it."""

import pandas as pd
import pytest
from worlds.backlog_world import START, World
from worlds.messages import messages_in

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation


def found(**settings):
    return diagnose(Investigation(made(**settings), "backlog"))


def made(visibility_s=43_200.0, running=1.0, changed=690):
    world = World(visibility_s=visibility_s)
    world.at["in_flight"][700:], world.at["age_s"][700:] = 6, 3000
    for minute in range(691, 1440, 30):
        world.at["received"][minute], world.at["deleted"][minute] = 10, 10
    world.change(
        changed, "SetQueueAttributes", "jobs", attributes={"VisibilityTimeout": str(int(visibility_s))}
    )
    # Lambda publishes how many ran at once beside each count of runs.
    for name, metric in (("metrics", "metric"), ("metric_queries", "metric")):
        table = world.table(name)
        runs = table[table[metric] == "Invocations"].assign(metric="ConcurrentExecutions", stat="Maximum")
        if name == "metrics":
            runs = runs.assign(value=running)
            times = pd.date_range(START, periods=1440, freq="1min")
            runs = pd.DataFrame({**runs.iloc[0].to_dict(), "time": times}) if running > 1 else runs
        world.tables[name] = pd.concat([table, runs.assign(id="running") if "id" in runs else runs])
    return world


@pytest.mark.slow
def test_messages_that_hide_for_hours_after_a_failed_try_are_reported():
    reported = found()
    assert (reported.verdict, reported.cause) == ("supported", "visibility_misconfig")
    assert reported.incident_start == START + pd.Timedelta(minutes=690) and reported.incident_end is None
    assert reported.extra["change"]["event_name"] == "SetQueueAttributes"
    said = messages_in(reported.ranking[0].finding.evidence[0].statement)["backlog-hidden-long"]
    assert (said["queue"], said["hidden"]) == ("jobs", 5)
    # Until a run fails many are well under such a setting.
    assert found(changed=500).extra["change"]["event_name"] == "SetQueueAttributes"


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("settings", [{"visibility_s": 900.0}, {"running": 6.0}])
def test_a_second_try_within_the_hour_and_messages_that_are_worked_on_are_no_trouble(settings):
    assert found(**settings).verdict == "no_incident"
