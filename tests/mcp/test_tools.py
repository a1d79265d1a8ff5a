"""The tools for agents by their whole answers, over a case of three requests and two probes."""

import json
from dataclasses import replace

import pytest
from worlds.printed import is_error
from worlds.small_evidence import ACCESS, PROBES

from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.mcp.tools import Tools


@pytest.fixture
def tools(evidence, tmp_path):
    """The tools over a folder with that case."""
    import_folder(evidence, tmp_path / "cases" / "small")
    return Tools((tmp_path / "none", tmp_path / "cases"))


def test_cases_are_listed_with_their_window_and_rows(tools, tmp_path):
    (tmp_path / "cases" / "other").mkdir()
    small = {
        "case": "small",
        "title": "small",
        "window": "2025-12-11T01:00:00+00:00 .. 2025-12-11T01:00:31+00:00",
        "tables": {"access_log": 3, "probes": 2},
    }
    assert tools.list_cases() == {"cases": [small]}
    # A damaged case is named, and the others are listed.
    for name, text in (("broken", "{"), ("empty", "{}"), ("list", "[]"), ("zero", "\0")):
        (tmp_path / "cases" / name).mkdir()
        (tmp_path / "cases" / name / "manifest.json").write_text(text)
    listed = tools.list_cases()["cases"]
    assert [each["case"] for each in listed] == ["broken", "empty", "list", "small", "zero"]
    assert all(each["damaged"] for each in listed if each["case"] != "small")
    assert small in listed


def test_a_case_that_no_folder_holds_is_an_error(tools, evidence):
    # The folder above is a case as well, and is none of those that are served.
    inner = Tools((tools.folders[1] / "small" / "inner",))
    inner.folders[0].mkdir()
    import_folder(evidence, inner.folders[0] / "own")
    for served, names in (
        (tools, ("none", "../small", ".", "..", "small/", "", "small/../small")),
        (inner, ("..", "../../small", ".")),
    ):
        for name in names:
            with pytest.raises(InputError) as refused:
                served.sql(name, "select 1")
            assert is_error(refused.value, "error-mcp-no-case", name=repr(name))


def test_an_identity_has_one_stand_in_in_all_answers(tools):
    masked = replace(tools, level="ids")
    [shown] = masked.sql("small", "select client_addr from access_log limit 1")["records"]
    query = f"select client_addr from access_log where client_addr = '{shown['client_addr']}'"
    assert masked.sql("small", query)["records"] == [shown] * 2
    claimed = masked.check_claim("small", "app_down", query)
    assert claimed["reason"]["first_rows"] == [shown] * 2


SECRET = "Zr8-kPq2vTn5"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A folder of evidence whose messages and log hold a secret."""
    folder = tmp_path_factory.mktemp("evidence")
    (folder / "queues").mkdir()
    arn = "arn:aws:sqs:us-east-1:123456789012:jobs"
    policy = json.dumps({"deadLetterTargetArn": f"{arn}-dlq", "maxReceiveCount": 3})
    queue = {"Attributes": {"QueueArn": arn, "RedrivePolicy": policy}}
    (folder / "queues" / "jobs.json").write_text(json.dumps(queue))
    body = json.dumps({"device_id": "kitchen", "password": SECRET, "note": f"token={SECRET}"})
    message = {"MessageId": "m1", "Body": body, "Attributes": {"SentTimestamp": "1765404000000"}}
    (folder / "queues" / "jobs-dlq-messages.json").write_text(json.dumps({"Messages": [message]}))
    (folder / "access.log").write_text(ACCESS.replace("/health HTTP", f"/health?token={SECRET} HTTP"))
    (folder / "probes.csv").write_text(PROBES)
    return folder


@pytest.mark.parametrize("level", ["secrets", "ids", "share"])
def test_no_query_returns_what_the_level_masks(tmp_path, level, guarded):
    tools = Tools((tmp_path,), level)
    import_folder(guarded, tmp_path / "small")
    plain = read_case(tmp_path / "small")
    tables = [name for name in plain.tables if plain.sql(held([name])).n[0]]
    assert set(tables) >= {"queue_messages", "access_log"}
    assert tools.sql("small", held(plain.tables))["records"] == [{"n": 0}]
    query = "select try(body->>'password') p, reverse(body) r, hex(body) h from queue_messages"
    found = json.dumps(tools.sql("small", query))
    assert not [text for text in (SECRET, SECRET[::-1], SECRET.encode().hex().upper()) if text in found]
    # Nor does a claim tell by its judgement whether a guess is right.
    guess = f"select * from queue_messages where try(body->>'password') like '{SECRET[:3]}%'"
    assert tools.check_claim("small", "app_down", guess)["reason"]["rows"] == 0


def held(tables):
    """Return a query that counts the rows of tables that hold the secret."""
    every = " union all ".join(f"select t::varchar as text from {table} t" for table in tables)
    return f"select count(*) as n from ({every}) where text like '%{SECRET}%'"
