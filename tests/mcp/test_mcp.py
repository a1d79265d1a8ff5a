"""The server for agents, over the SDK's client: read-only, bounded, redacted, and the referee of claims."""

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# Not imported here: that takes a tenth of the time in which each worker collects all tests.
if find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)

from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import QueryError
from watchme_analysis.mcp.claims import check_claim
from watchme_analysis.mcp.server import TOOLS, make_server
from watchme_analysis.mcp.tools import Tools
from watchme_analysis.services.diagnose import diagnose

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


def test_cases_are_listed_and_diagnosed(tools):
    (entry,) = call(tools, "list_cases").structured_content["cases"]
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


def test_an_unknown_argument_is_refused_by_name(cases):
    for name, arguments in (
        ("diagnose", {"case": "pool", "quesiton": "health"}),
        ("sql", {"case": "pool", "query": "select 1", "path": "/etc"}),
        ("list_cases", {"folder": "/"}),
    ):
        result = call(Tools((cases,)), name, **arguments)
        assert result.is_error
        assert repr([*arguments][-1]) in result.content[0].text


@pytest.mark.slow
def test_a_query_is_ended_at_its_limits(cases):
    hurried, tools = Tools((cases,), query_s=1), Tools((cases,))
    for query in (
        "select count(*) from range(1000000000000) a, range(1000) b",
        "with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t",
    ):
        with pytest.raises(QueryError, match="1 s"):
            hurried.sql("pool", query)
    for query, words in (
        ("select repeat(repeat('x', 1000000), 1500)", "memory"),
        ("select repeat('x', 10000000) from range(3000)", "memory"),
        ("select list(range) from range(1000000000)", "memory"),
        ("select * from range(1000000000)", "100,000 rows"),
    ):
        with pytest.raises(QueryError, match=words):
            tools.sql("pool", query)
    with pytest.raises(QueryError, match="memory"):
        tools.check_claim("pool", "app_threadpool", "select repeat(repeat('x', 1000000), 1500)")
    assert tools.sql("pool", "select 1 as n -- a comment")["records"] == [{"n": 1}]


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
