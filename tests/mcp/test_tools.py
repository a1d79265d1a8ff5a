"""The tools for agents by their whole answers, over a case of three requests and two probes."""

import os
from dataclasses import replace

import pytest
from worlds.printed import is_error

from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.mcp.tools import Tools
from watchme_analysis.services.diagnose import diagnose


@pytest.fixture
def tools(evidence, tmp_path):
    """The tools over a folder with that case."""
    import_folder(evidence, tmp_path / "cases" / "small")
    return Tools((tmp_path / "none", tmp_path / "cases"))


def test_cases_are_listed_with_their_window_and_rows(tools, tmp_path):
    (tmp_path / "cases" / "other").mkdir()
    assert tools.list_cases() == [
        {
            "case": "small",
            "title": "small",
            "window": "2025-12-11T01:00:00+00:00 .. 2025-12-11T01:00:31+00:00",
            "tables": {"access_log": 3, "probes": 2},
        }
    ]


def test_a_diagnosis_is_made_once_for_each_question_window_and_state_of_the_case(tools, monkeypatch):
    made = []

    def counted(question, case, since=None):
        made.append((question, since))
        return diagnose(question, case, since=since)

    monkeypatch.setattr("watchme_analysis.mcp.tools.diagnose", counted)
    first = tools.diagnose("small")
    assert [*first] == ["health"]
    assert (first["health"]["question"], first["health"]["case"]) == ("health", "small")
    assert "summary_messages" not in first["health"]
    assert tools.diagnose("small", "health") == first
    assert made == [("health", None)]
    tools.diagnose("small", "health", "10s")
    assert made == [("health", None), ("health", "10s")]
    # Evidence is of the whole case, which is known already, until the case is imported again.
    cause = first["health"]["ranking"][0]["cause"]
    tools.evidence("small", cause)
    assert len(made) == 2
    manifest = tools.folders[1] / "small" / "manifest.json"
    os.utime(manifest, ns=(1, 1))
    tools.evidence("small", cause)
    assert made[2:] == [("health", None)]


def test_a_claim_and_its_evidence_have_their_first_rows(tools):
    cause = tools.diagnose("small", "health")["health"]["ranking"][0]["cause"]
    every = tools.evidence("small", cause)
    two = tools.evidence("small", cause, 1)
    sides = [side for side in ("evidence_for", "evidence_against") if every[side]]
    assert sides
    for side in sides:
        weights = [abs(each["weight"]) for each in every[side]]
        assert weights == sorted(weights, reverse=True)
        assert all(len(each["first_rows"]) <= 1 for each in two[side] if each["sql"])
    claimed = tools.check_claim("small", cause, "select * from access_log where status = 504")
    assert [row["status"] for row in claimed["reason"]["first_rows"]] == [504]


def test_a_query_returns_its_first_rows_and_counts_all(tools):
    query = "select path, status from access_log order by time"
    assert tools.sql("small", query, 1) == {
        "rows": 3, "shown": 1, "records": [{"path": "/health", "status": 200}]
    }  # fmt: skip
    assert tools.sql("small", query, -1) == {"rows": 3, "shown": 0, "records": []}
    numbers = tools.sql("small", "select range as n from range(60)", 55)
    # At most fifty, whatever is wanted; a list of fifty is not cut further.
    assert (numbers["rows"], numbers["shown"], len(numbers["records"])) == (60, 50, 50)


def test_the_alarms_of_a_case_are_back_tested(evidence, tools):
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    import_folder(evidence, tools.folders[1] / "queue")
    found = tools.alarms("queue")["alarms"]
    assert {(each["alarm"], each["resource"]) for each in found} == {
        ("message-age", "jobs"),
        ("dead-letters-of-failing-runs", "jobs"),
        ("health-checks", "/health from inside"),
        ("health-checks", "/health from outside"),
    }


def test_measures_are_simulated_for_the_queue_of_a_case(shorter, monkeypatch):
    monkeypatch.setattr("watchme_analysis.mcp.tools._REPLICATIONS", 2)  # as few as have an interval
    found = Tools((shorter.path.parent,)).simulate(shorter.path.name, "asr-queue")
    assert found["queue"] == "asr-queue"
    usual = found["measures"][0]
    figures = {"dead_lettered", "lost", "duplicates", "peak_visible", "peak_age_s", "drain_s"}
    assert usual.keys() == {"measure"} | figures
    assert (usual["measure"], usual["lost"].keys()) == ("as configured", {"mean", "half_width", "seen"})
    # Several replications, so that each figure has an interval.
    assert usual["lost"]["seen"] == 2 and usual["lost"]["half_width"] is not None


def test_a_case_that_no_folder_holds_is_an_error(tools):
    for name in ("none", "../small", ".", "small/"):
        with pytest.raises(InputError) as refused:
            tools.sql(name, "select 1")
        assert is_error(refused.value, "error-mcp-no-case", name=repr(name))


def test_answers_are_redacted_at_the_level_of_the_tools(tools):
    query = "select client_addr from access_log limit 1"
    assert tools.sql("small", query)["records"] == [{"client_addr": "192.0.2.10"}]
    [masked] = replace(tools, level="ids").sql("small", query)["records"]
    assert masked["client_addr"] not in (None, "192.0.2.10")
