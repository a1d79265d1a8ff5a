"""The server for agents, over the SDK's client: read-only, bounded, redacted, and the referee of claims."""

import asyncio
import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

# Not imported here: that takes a tenth of the time in which each worker collects all tests.
if find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)

from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError, QueryError
from watchme_analysis.mcp.server import TOOLS, make_server
from watchme_analysis.mcp.tools import (
    MOST_CHARACTERS,
    Tools,
    _records,
    _without_messages,
    bounded,
)
from watchme_analysis.services.claims import check_claim
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.text.render import render

ROOT = Path(__file__).parents[2]
NEVER = "select * from access_log where status = 299"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """A folder with one imported case in which the thread pool is used up."""
    root = tmp_path_factory.mktemp("cases")
    import_folder(ROOT / "data" / "health-threadpool", root / "pool")
    return root


@pytest.fixture(scope="module")
def pool(cases):
    return read_case(cases / "pool")


@pytest.fixture(scope="module")
def tools(cases):
    """The tools over that case, which is diagnosed once for all tests."""
    return Tools((cases,))


@pytest.fixture(scope="module")
def diagnosis(pool):
    return diagnose("health", pool)


def call(tools, name, **arguments):
    """Return the result of a tool, called by the SDK's client."""
    import mcp

    async def run():
        async with mcp.Client(make_server(tools)) as client:
            return await client.call_tool(name, arguments)

    return asyncio.run(run())


@pytest.mark.slow
def test_every_tool_is_listed_as_read_only():
    import mcp

    async def run():
        async with mcp.Client(make_server(Tools(()))) as client:
            return (await client.list_tools()).tools

    tools = asyncio.run(run())
    assert [tool.name for tool in tools] == [*TOOLS]
    for tool in tools:
        hints = tool.annotations
        assert (hints.read_only_hint, hints.destructive_hint, hints.open_world_hint) == (True, False, False)
        assert tool.description == getattr(Tools, tool.name).__doc__


@pytest.mark.slow
def test_cases_are_listed_and_diagnosed(tools):
    (entry,) = call(tools, "list_cases").structured_content["result"]
    assert entry["case"] == "pool"
    assert entry["tables"]["access_log"] > 0
    found = call(tools, "diagnose", case="pool").structured_content["health"]
    assert (found["verdict"], found["cause"]) == ("supported", "app_threadpool")
    assert "summary_messages" not in found


@pytest.mark.slow
def test_a_case_is_diagnosed_again_when_it_was_imported_again(evidence, tmp_path):
    tools, case = Tools((tmp_path,)), tmp_path / "small"
    import_folder(evidence, case)
    first = tools.diagnose("small")["health"]
    assert tools.diagnose("small")["health"] == first
    assert tools.diagnose("small", since="1s")["health"] != first
    (evidence / "probes.csv").unlink()
    import_folder(evidence, case)
    assert tools.diagnose("small")["health"] != first


CLAIMS = (
    ("app_threadpool", None, "supported"),
    ("app_threadpool", "select * from access_log where status = 504", "supported"),
    ("app_threadpool", NEVER, "contradicted"),
    # Rows that are as frequent at other times, and sums without times, are no reason.
    ("app_threadpool", "select * from access_log where status = 200", "undecided"),
    ("app_threadpool", "select count(*) from error_log where message like '%nobody%'", "undecided"),
    # A table that the case lacks shows nothing by having no rows.
    ("app_threadpool", "select * from queue_messages", "undecided"),
    ("app_threadpool", "select * from access_log where time < '2026-11-24T15:50:00Z'", "contradicted"),
    ("app_threadpool", "select * from app_handlers where runs_on = 'thread_pool'", "supported"),
    ("edge_config", None, "contradicted"),
    ("edge_config", "select * from access_log", "contradicted"),
)


@pytest.mark.slow
def test_a_claim_is_judged_by_its_cause_and_its_reason(pool, diagnosis, subtests):
    for cause, reason, judgement in CLAIMS:
        with subtests.test(cause=cause, reason=reason):
            assert check_claim(pool, cause, reason, diagnosis=diagnosis).judgement == judgement


@pytest.mark.slow
def test_a_claim_that_the_evidence_does_not_decide_is_undecided(tools, pool, diagnosis):
    """A cause that is neither supported nor refuted is no lie; what would decide is named."""
    for each in diagnosis.ranking:
        if each.status == "inconclusive":
            assert check_claim(pool, each.finding.cause, diagnosis=diagnosis).judgement == "undecided"
    reported = tools.check_claim("pool", "app_threadpool")
    assert reported["would_decide"]["missing_evidence"]
    assert reported["would_decide"]["next_test"]


@pytest.mark.slow
def test_a_claim_is_answered_with_the_reason_and_rows_of_its_strongest_statements(pool):
    tools = Tools((pool.path.parent,), language="ja")
    reported = tools.check_claim("pool", "app_threadpool", "select * from access_log where status = 504")
    reason = reported["reason"]
    assert reason["rows_in_incident"] == reason["rows"] == 65 and len(reason["first_rows"]) == 3
    assert reported["cause"]["why"] and reason["why"]
    weights = [each["weight"] for each in reported["evidence_for"]]
    assert weights == sorted(weights, reverse=True)
    assert ["first_rows" in each for each in reported["evidence_for"]][:3] == [True, True, False]
    assert len(json.dumps(reported, ensure_ascii=False)) <= MOST_CHARACTERS
    assert reported["diagnosis"]["incident"]["start"] and reported["would_decide"]["next_test"]


@pytest.mark.slow
def test_each_way_to_judge_a_cause_has_its_sentence(pool, diagnosis):
    causes = [each.finding.cause for each in diagnosis.ranking]
    ids = {cause: check_claim(pool, cause, diagnosis=diagnosis).why for cause in causes}
    assert ids["app_threadpool"].id == "claim-leading" and ids["edge_config"].id == "claim-refuted"
    assert ids["dependency_slow"].id == "claim-linked"
    independent = replace(diagnosis, secondary_cause=None, other_causes=("dependency_slow",))
    assert check_claim(pool, "dependency_slow", diagnosis=independent).why.id == "claim-beside"
    assert all(render(why, language) for why in ids.values() for language in ("en", "ja"))


def test_a_claim_shows_the_first_rows_of_its_reason_and_of_the_strongest_statements(evidence, tmp_path):
    import_folder(evidence, tmp_path / "cases" / "small")
    reported = Tools((tmp_path / "cases",)).check_claim("small", "app_down", "select * from access_log")
    assert (reported["judgement"], reported["cause"]["id"]) == ("undecided", "app_down")
    assert reported["reason"]["rows"] == len(reported["reason"]["first_rows"]) == 3
    assert [row["status"] for row in reported["reason"]["first_rows"]] == [200, 202, 504]
    assert reported["evidence_for"] == []
    (against,) = reported["evidence_against"]
    assert (against["weight"], against["rows"], len(against["first_rows"])) == (-0.3, 4, 3)


@pytest.mark.slow
def test_a_claim_carries_the_evidence_for_and_against_with_queries_that_run(tools):
    reported = tools.evidence("pool", "app_event_loop", rows=2)
    assert all(each["weight"] > 0 for each in reported["evidence_for"])
    assert all(each["weight"] < 0 for each in reported["evidence_against"])
    assert reported["evidence_against"]
    assert all(len(each["first_rows"]) <= 2 for each in reported["evidence_against"] if each["sql"])


def test_errors_are_sentences_and_not_tracebacks(cases):
    for name, arguments, sentence in (
        ("check_claim", {"case": "pool", "cause": "threads"}, "There is no cause"),
        ("diagnose", {"case": "../pool"}, "There is no case"),
        ("sql", {"case": "pool", "query": "drop table access_log"}, "only reads"),
        ("sql", {"case": "pool", "query": "select * from read_csv('/etc/passwd')"}, "DuckDB"),
    ):
        result = call(Tools((cases,)), name, **arguments)
        assert result.is_error
        assert sentence in result.content[0].text


def test_only_cases_of_the_folders_can_be_opened(cases, tmp_path):
    tools = Tools((tmp_path,))
    for name in ("pool", str(cases / "pool"), "..", ".", ""):
        with pytest.raises(InputError, match="no case"):
            tools.diagnose(name)


def test_answers_are_redacted(cases):
    tools = Tools((cases,), "ids")
    query = "select distinct upstream_addr from access_log where upstream_addr is not null"
    assert "172.28." in json.dumps(Tools((cases,)).sql("pool", query))
    assert "172.28." not in json.dumps(tools.sql("pool", query))


@pytest.mark.slow
def test_rows_are_limited_and_counted(cases):
    tools = Tools((cases,))
    query = "select range as n from range(60)"
    for limit, shown in (({}, 50), ({"limit": 60}, 50), ({"limit": 2}, 2), ({"limit": -1}, 0)):
        found = tools.sql("pool", query, **limit)
        assert (found["rows"], found["shown"]) == (60, shown)
        assert found["records"] == [{"n": number} for number in range(shown)]
    assert _records(pd.DataFrame({"time": [pd.Timestamp("2026-03-02T04:00:00.1234Z")]}), 1) == [
        {"time": "2026-03-02T04:00:00.123Z"}
    ]


def test_a_long_answer_is_cut_in_steps_until_it_fits():
    """Each step: characters of a text, and items of a list, that are kept."""
    for value, most, kept, note in (
        ("x" * 1600, 24_000, 1600, None),
        ("x" * 1601, 24_000, 1600, "… (1,601 characters)"),
        ("x" * 1600, 500, 400, "… (1,600 characters)"),
        ("x" * 1600, 300, 200, "… (1,600 characters)"),
        ("x" * 1600, 150, 80, "… (1,600 characters)"),
        (["y"] * 1000, 24_000, 1000, None),
        (["y"] * 1001, 24_000, 1000, "… and 1 more"),
        (["y"] * 60, 299, 50, "… and 10 more"),
        (["y"] * 60, 100, 10, "… and 50 more"),
        (["y"] * 60, 50, 3, "… and 57 more"),
    ):
        part = value[:kept]
        expected = part if note is None else part + note if isinstance(value, str) else [*part, note]
        assert bounded({"a": value}, most) == {"a": expected}, (value[:1], most)
    # Exactly as many characters as the answer may have.
    for length in (24_000, 24_001):
        longest = [*["z" * 1500] * 15, "z" * (length - 15 * 1504 - 4)]
        assert len(json.dumps(longest)) == length
        assert (bounded(longest) == longest) == (length == MOST_CHARACTERS)
    assert bounded(["z" * 50] * 9, 20).keys() == {"note"}
    assert bounded({"a": 1, "b": None}) == {"a": 1, "b": None}


def test_a_diagnosis_for_an_agent_has_no_messages():
    value = {"message": 1, "why": [{"what_message": 2, "notes_messages": [3], "messages": 4}], "n": 5}
    assert _without_messages(value) == {"why": [{"messages": 4}], "n": 5}


@pytest.mark.slow
def test_answers_are_bounded(cases):
    found = Tools((cases,)).sql("pool", "select repeat('x', 20000) as text from access_log", limit=10_000)
    assert (found["rows"] > 50, found["shown"]) == (True, 50)
    assert len(json.dumps(found)) <= MOST_CHARACTERS
    assert "characters" in found["records"][0]["text"]
    assert Tools((cases,)).sql("pool", "select * from access_log", limit=-1)["shown"] == 0
    assert "note" in bounded({str(number): "x" * 80 for number in range(5000)})


@pytest.mark.slow
def test_the_alarms_are_back_tested_on_a_backlog(shorter):
    assert Tools((shorter.path.parent,)).alarms(shorter.path.name)["alarms"]


@pytest.mark.slow
def test_a_write_is_refused(pool):
    with pytest.raises(QueryError):
        pool.sql("copy (select 1) to '/tmp/x'")


@pytest.mark.slow
def test_the_command_speaks_the_protocol_over_standard_streams(cases):
    import mcp

    async def run():
        server = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-c", "from watchme_analysis.cli import main; main()", "mcp", "--cases", str(cases)],
            cwd=ROOT,
        )
        async with mcp.Client(mcp.stdio_client(server)) as client:
            return await client.call_tool("check_claim", {"case": "pool", "cause": "app_threadpool"})

    assert asyncio.run(run()).structured_content["judgement"] == "supported"
