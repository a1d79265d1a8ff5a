"""Questions of a case: which it answers, within which bounds, about which subject, and what is not read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from worlds.messages import refusal
from worlds.stored_case import case_of, store_case

from watchme_analysis.config import System
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.services.diagnose import (
    absent_tables,
    chosen_questions,
    investigate,
    questions_for,
    subject_of_system,
)
from watchme_analysis.window import Window

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


def test_the_subject_of_a_question(both, tmp_path):
    assert investigate("health", both, subject="/a").options == {"endpoint": "/a"}
    assert investigate("backlog", both, subject="more").options == {"queue": "more"}
    # The most frequent first, equal ones by name; a function is no queue.
    assert refusal(investigate, "health", both, subject="/c") == {
        "error-not-in-case": {
            "kind": "endpoint",
            "name": "'/c'",
            "case": "made-up",
            "known": "/health, /a, /b",
        }
    }
    queue = refusal(investigate, "backlog", both, subject="worker")["error-not-in-case"]
    assert (queue["kind"], queue["known"]) == ("queue", "orders, jobs, more")
    unknown = case_of(queues=[{"queue": None}])
    assert refusal(investigate, "backlog", unknown, subject="q")["error-not-in-case"]["known"] == "list-empty"
    many = case_of(probes=probes(*(f"/{number}" for number in range(9))))
    known = refusal(investigate, "health", many, subject="/x")["error-not-in-case"]["known"]
    assert known == ", ".join(f"/{number}" for number in range(8))
    system = System("s", ("jobs",), api="http://192.0.2.1/", health="/a")
    assert subject_of_system("health", both, system) == "/a"
    assert subject_of_system("backlog", both, system) == "jobs"
    assert subject_of_system("backlog", both, System("s", ("jobs", "orders"))) is None
    assert subject_of_system("backlog", both, System("s", ("absent",))) is None
    assert subject_of_system("health", both, None) is None
    stored = store_case(tmp_path / "case", probes=probes("/a", "/a"))
    assert investigate("health", str(stored.path)).case.name == "made-up"


def test_tables_that_causes_need_and_the_case_lacks(both):
    absent = absent_tables(Investigation(both, "health", None, {}))
    assert "probes" not in absent
    assert "app_threadpool" in absent["app_handlers"]
    assert "edge_settings" in absent
    # Outside of the window, a table has no row.
    late = Window(START + timedelta(hours=2), START + timedelta(hours=3))
    assert "probes" in absent_tables(Investigation(both, "health", late, {}))
    edge = case_of(probes=probes("/a"), config_directives=[{"layer": "edge", "id": 0}])
    assert "edge_settings" not in absent_tables(Investigation(edge, "health", None, {}))
