"""The model that measures are simulated on, and the settings that they propose."""

from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.backlog_world import World
from worlds.messages import refusal
from worlds.stored_case import case_of

from watchme_analysis.services.diagnose import investigate
from watchme_analysis.services.what_if import what_if_model, what_if_of_case


def tables_of(**more):
    world = World(hours=1, **more)
    world.fail(1, 32, 1.5, "ValueError: unreadable", tries=1)
    world.table("metrics")
    return world.tables


@pytest.fixture(scope="module")
def tables():
    return tables_of()


def test_the_affected_queue_with_the_oldest_message_is_modelled(tables):
    # A second queue whose oldest message is older.
    older = tables_of(queue="old", function="old-runner", dlq="old-dlq")
    metrics = older["metrics"]
    is_age = (metrics["metric"] == "ApproximateAgeOfOldestMessage") & (metrics["resource"] == "old")
    metrics.loc[is_age, "value"] = 900.0
    both = {name: pd.concat([tables[name], older[name]], ignore_index=True) for name in tables}
    both["metrics"] = both["metrics"].sort_values("time", ignore_index=True)
    case = case_of(**both)
    investigation = investigate("backlog", case)

    def modelled(*affected, slots=None):
        found = what_if_model(investigation, SimpleNamespace(extra={"queues": affected}), slots)
        return found.pipeline.queue, found.fit.settings.api.slots

    assert modelled() == ("old", None)  # none is affected
    assert modelled("jobs", slots=2) == ("jobs", 2)
    assert refusal(what_if_of_case, case, "absent") == {
        "error-case-no-queue": {"case": "made-up", "queue": "absent", "known": "jobs, old"}
    }


def test_a_named_queue_is_diagnosed_and_modelled(tables):
    diagnosis, model = what_if_of_case(case_of(**tables), "jobs", since="30m")
    assert (diagnosis.question, model.pipeline.queue) == ("backlog", "jobs")
    # The half hour before the end of the case.
    assert model.pipeline.frame.index[0] >= pd.Timestamp("2025-12-10T00:29:00Z")


def test_a_case_without_a_queue_is_refused():
    case = case_of(functions=[{"function": "f"}])
    refused = refusal(what_if_of_case, case)["error-simulate-no-queue"]
    assert (refused["case"], refused["meanings"]) == ("made-up", ["value-shown-by"])
