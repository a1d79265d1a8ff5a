"""Questions of a case: which it answers, within which bounds, about which subject, and what is not read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from worlds.messages import refusal
from worlds.stored_case import case_of

from watchme_analysis.services.diagnose import chosen_questions, investigate, questions_for

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


def probes(*paths):
    return [
        {"time": START + timedelta(minutes=10 * number), "path": path, "vantage": "outside", "status": 200}
        for number, path in enumerate(paths)
    ]


@pytest.fixture
def both():
    """An hour of probes of two paths, and three queues."""
    queues = [{"queue": "jobs"}, {"queue": "orders"}]
    metrics = [
        {"time": START, "namespace": namespace, "resource": resource, "metric": "m", "value": 1.0}
        for namespace, resource in (("AWS/SQS", "orders"), ("AWS/SQS", "more"), ("AWS/Lambda", "worker"))
    ]
    return case_of(probes=probes("/health", "/a", "/health", "/a", "/health", "/b", "/health"), queues=queues,
                   metrics=metrics)  # fmt: skip


def test_the_questions_that_a_case_answers(both):
    assert questions_for(both) == ("health", "backlog")
    assert questions_for(case_of(probes=probes("/a"))) == ("health",)
    assert chosen_questions("all", both) == ("health", "backlog")
    assert chosen_questions("backlog", both) == ("backlog",)
    bare = case_of(alarms=[{"alarm": "a"}])
    assert refusal(chosen_questions, "all", bare) == {
        "error-case-no-question": {"case": "made-up", "tables": "alarms"}
    }
    nothing = refusal(chosen_questions, "all", case_of())["error-case-no-question"]
    assert nothing == {"case": "made-up", "tables": "list-empty"}
    assert refusal(investigate, "other", both) == {
        "error-question-unknown": {"question": "'other'", "known": "health, backlog"}
    }
    refused = refusal(investigate, "backlog", case_of(probes=probes("/a")))["error-question-no-evidence"]
    assert (refused["case"], refused["question"]) == ("made-up", "backlog")
    assert refused["command"] == "watchme case pull backlog --queue QUEUE --since 2h"
    assert refused["others"] == ["error-question-other"]


def test_the_bounds_of_an_investigation(both):
    def window(since=None, until=None, zone=None):
        found = investigate("health", both, since=since, until=until, zone=zone).window
        return found and (found.start, found.end)

    hour = (START, START + timedelta(hours=1))
    assert window() is None
    # A span counts back from the end of the case.
    assert window("20m") == (START + timedelta(minutes=40), hour[1])
    assert window(until="2026-03-02T04:30:00Z") == (START, START + timedelta(minutes=30))
    east = timezone(timedelta(hours=1))
    assert window("2026-03-02T05:10", "2026-03-02T05:20", east) == (
        START + timedelta(minutes=10), START + timedelta(minutes=20)
    )  # fmt: skip

    def refused(since=None, until=None):
        return refusal(investigate, "health", both, since=since, until=until)

    empty = refused("2026-03-02T04:20:00Z", "2026-03-02T04:20:00Z")
    assert "error-window-empty" in empty
    late = refused("2026-03-02T05:00:00Z")["error-window-outside"]
    assert (late["side"], late["time"], late["case"]) == ("after", "2026-03-02T05:00:00Z", "made-up")
    early = refused(until="2026-03-02T04:00:00Z")["error-window-outside"]
    assert (early["side"], early["time"]) == ("before", "2026-03-02T04:00:00Z")
    timeless = case_of(queues=[{"queue": "jobs"}])
    assert refusal(investigate, "backlog", timeless, since="1h") == {
        "error-window-no-times": {"case": "made-up"}
    }
