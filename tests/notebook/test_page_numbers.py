"""Numbers of the pages of one small incident, read as frames; displays are compared in other modules."""

import json
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.printed import is_error, said

from watchme_analysis import notebook
from watchme_analysis.alarms.specification import read_specs
from watchme_analysis.errors import InputError
from watchme_analysis.notebook.console_links import links, links_of_endpoint, place_of
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))


@pytest.fixture
def page(shorter_page):
    return shorter_page


def only(page, name, **equal):
    """Return the only row of a section's frame in which some columns have given values."""
    frame = getattr(page, name).frame
    for column, value in equal.items():
        frame = frame[frame[column].eq(value)]
    (row,) = frame.to_dict("records")
    return row


def test_the_numbers_of_a_backlog(page):
    verdict = only(page, "verdict")
    assert (verdict["cause"], verdict["verdict"]) == ("consumer_failing", "supported")
    assert (verdict["start"], page.incident[1]) == (page.incident[0], None)
    assert pd.isna(verdict["end"])
    assert page.affected == ["asr-queue"]
    assert set(page.subjects()) == {"asr-queue", "sed-queue"}

    balance = only(page, "balance", queue="asr-queue")
    names = ("stock_before", "sent", "received", "deleted", "dead_lettered", "unexplained")
    assert [balance[name] for name in names] == [0, 112, 196, 70, 10, 32]
    steps, table = page.balance_over_time.frame, page.balance_over_time()
    assert (len(steps), set(steps["queue"]), len(table.rows)) == (8, {"asr-queue"}, 3)
    assert [row[:4] for row in table.rows[:1]] == [("asr-queue", "2025-11-18 11:00:00", "0", "14")]
    assert steps["start"].diff().dropna().eq(pd.Timedelta(hours=1)).all()

    change = only(page, "changes")
    assert (change["resource"], change["could_cause"], change["named"]) == (
        "asr-worker",
        "consumer_failing",
        True,
    )
    compared = only(page, "comparison", resource="asr-worker", metric="errors")
    assert (compared["baseline_median"], compared["incident_median"], compared["effect"]) == (0.0, 7.0, 1.0)
    shown = {row[1]: row for row in page.comparison().rows if row[0] == "asr-queue"}
    assert {row[0] for row in page.comparison().rows} >= {"asr-queue", "asr-worker"}
    assert "sed-queue" not in {row[0] for row in page.comparison().rows}
    assert ("301 → 179", "14 → 14.1", "70 → 42") in {row[2:5] for row in shown.values()}

    by_item = page.dead_letters_by_work_item.frame
    assert (by_item["messages"].tolist(), by_item["share"].iloc[0]) == ([2, 2, 2, 2, 1, 1], 0.2)
    assert page.dead_letters_by_work_item().heads[1] == "device"
    # A row per device and moment; the table counts those of each device.
    shown = page.missed_work().rows
    assert (len(page.missed_work.frame), len(shown)) == (10, 6)
    assert sum(int(row[1]) for row in shown) == len(page.messages.frame) == 10
    urls = page.redrive.frame["QueueUrl"]
    assert (len(urls), set(urls.str.rpartition("/")[2])) == (10, {"asr-queue"})
    assert [row[:2] for row in page.redrive().rows] == [("redrive", "10")]
    console = page.console.frame
    assert (len(console), console["url"].nunique(), len(page.console().links)) == (7, 7, 7)
    assert (len(page.messages.frame), len(page.messages().rows)) == (10, 10)
    assert "before_window" not in page.messages().heads
    assert page.forecast.frame.empty and page.patterns.frame.empty
    assert [row[1] for row in page.alarms().rows] == ["asr-worker", "asr-queue-dlq"]
    assert page.alarms.frame["times_raised"].tolist().count(0) == 6


def test_the_alarms_of_a_backlog_fire_after_its_start(page):
    alarms = notebook.AlarmPage(page.investigation, page.zone, page.language, read_specs())
    alarms.__dict__["diagnosis"] = page.diagnosis
    assert len(alarms.rules.frame) == len(alarms.rules().rows) == len(alarms.specs)
    tests = alarms.backtest.frame
    first = tests[tests["resource"].eq("asr-queue-dlq")].iloc[0]
    assert first["times_raised"] >= 1
    assert "2025-11-18" in alarms.time_to_detect().paragraphs[0]
    assert {row[1] for row in alarms.backtest().rows} >= {"asr-queue-dlq", "asr-worker"}
    assert alarms.advice().paragraphs
    stated = replace(alarms, noticed_at="2025-11-18T12:00")
    stated.__dict__["diagnosis"] = page.diagnosis
    assert "59 min later" in stated.time_to_detect().paragraphs[0]


def access(second, path, status, took=None, connect=0.0):
    upstream = {} if took is None else {
        "upstream_addr": "192.0.2.11:8000", "upstream_connect_time": str(connect),
        "upstream_header_time": str(took - 0.01), "upstream_response_time": str(took),
    }  # fmt: skip
    return json.dumps({
        "time": (START + timedelta(seconds=second)).isoformat(), "method": "GET", "path": path,
        "status": status, "request_time": took or 0.0, "remote_addr": "192.0.2.1", **upstream,
    })  # fmt: skip


NGINX = """http { upstream api { server 192.0.2.11:8000; }
server { listen 80; location / { proxy_pass http://api; proxy_read_timeout 5s; } } }
"""
APP = """import time
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
def health():
    time.sleep(1)
    return {}
"""
ERROR = (
    "2026/03/02 04:00:{:02} [error] 7#7: *1 upstream timed out (110: Connection timed out) while reading "
    'response header from upstream, client: 192.0.2.1, server: _, request: "GET /health HTTP/1.1", '
    'upstream: "http://192.0.2.11:8000/health", host: "a.example.com"'
)


@pytest.fixture(scope="module")
def incident(tmp_path_factory):
    """The page of a minute in which ten requests for /health had no response after five seconds."""
    lines = [access(second, "/jobs", 200, 0.05) for second in range(0, 60, 2)]
    lines += [access(second, "/health", 200, 0.02) for second in (*range(1, 20, 2), *range(41, 60, 2))]
    lines += [access(second, "/health", 504, 5.0) for second in range(21, 40, 2)]
    folder = tmp_path_factory.mktemp("incident") / "evidence"
    folder.mkdir()
    for name, text in (
        ("access.log", "\n".join(sorted(lines))), ("nginx.conf", NGINX), ("main.py", APP),
        ("error.log", "\n".join(ERROR.format(second) for second in range(21, 40, 2))),
    ):  # fmt: skip
        (folder / name).write_text(text + "\n")
    return notebook.open_health(case=str(folder), timezone="UTC")


def test_the_numbers_of_a_health_incident(incident):
    page = incident
    start, _ = page.incident
    assert abs((start - START).total_seconds() - 16) <= 1  # the first slow request began five seconds earlier
    assert page.routes == ["/health", "/jobs"]
    compared = only(page, "comparison", route="/health")
    assert (compared["baseline_bad"], compared["incident_bad"]) == (0, 10)
    assert page.comparison().rows[0][:4] == ("/health", "Nginx", "0 of 17", "10 of 13")
    # Three good requests ended within it.
    shares = page.layer_table.frame.set_index(["route", "phase"])
    mean_s = (10 * 4.99 + 3 * 0.01) / 13
    assert shares.loc[("/health", "incident"), ["requests", "header_s"]].tolist() == pytest.approx(
        [13, mean_s]
    )
    assert shares.loc[("/health", "baseline"), "header_s"] == pytest.approx(0.01)
    statuses = page.statuses.frame.set_index(["route", "phase", "status"])["count"]
    assert statuses["/health", "incident"].to_dict() == {"200": 3, "504": 10}
    fate = only(page, "fates", route="/health", incident=10)
    assert (fate["baseline"], fate["sure"], fate["fate"] == "served") == (0, 10, False)
    errors = only(page, "errors")
    assert (errors["route"], errors["phase"], errors["count"]) == ("/health", "incident", 10)
    assert page.errors().rows[0][4] == "10"
    waterfall = page.waterfall.frame
    assert len(page.followed_layers().rows) == len(waterfall)
    slowest = waterfall[waterfall["request"].eq("slowest")].set_index("layer")
    assert slowest.loc["header", ["from_s", "to_s"]].tolist() == [0.0, 4.99]
    assert slowest.loc["nginx", "status"] == 504
    handler = only(page, "handlers")
    assert (handler["route"], handler["runs_on"]) == ("GET /health", "thread pool")
    assert len(page.handlers().rows) == 1
    settings = page.locations.frame
    assert (list(settings)[-2:], settings["differs"].any()) == (["/health", "/jobs"], False)
    assert settings.set_index("setting").loc["proxy_read_timeout", "/health"] == "5s"
    assert page.by_connection.frame["incident_bad"].sum() == 10
    assert page.in_flight.frame["in_flight"].max() == 3
    assert page.processes.frame.empty and page.changes.frame.empty
    assert page.losses.frame.query("is_absent")["table"].tolist()[0] == "edge_log"
    assert "edge_log" in {row[0] for row in page.losses().rows}
    rows = page.sql("select count(*) as n from requests where nginx_status = 504")
    assert rows["n"].tolist() == [10]
    assert page.verdict.frame.loc[0, "case"] == "evidence"


def test_the_lists_of_a_backlog_have_its_numbers(page):
    [change] = page.changes().rows
    assert change[2:4] == ("new code deployed", "asr-worker")
    onsets = page.onsets()
    assert {row[0] for row in onsets.rows} == {"asr-queue"}
    assert onsets.rows[0][4] == "2025-11-18 11:01:00"
    # Ten messages, all of this incident, of the same age, receive count and error.
    for name, key in (
        ("dead_letters_by_receives", "4"), ("dead_letters_by_age", "0"), ("dead_letters_by_error", None)
    ):  # fmt: skip
        [row] = getattr(page, name)().rows
        assert (row[0], row[2:4]) == ("asr-queue", ("10", "100.0%"))
        assert key in (None, row[1])
        assert getattr(page, name).frame["messages"].tolist() == [10]
    assert len(page.dead_letters_by_work_item().rows) == 6
    assert (page.forecast().rows, page.patterns().rows) == ((), ())
    assert page.forecast().note == said("forecast-empty")


def case(redacted="none", **tables):
    """Return a case with some rows; all other tables are empty."""
    columns = {
        "queues": ["region", "account_id"], "functions": ["function", "log_group", "arn"],
        "alarms": ["definition"], "log_queries": ["log_group"],
        "metrics": ["namespace", "metric", "resource", "dimensions"],
    }  # fmt: skip
    frames = {
        name: pd.DataFrame(tables.get(name, []), columns=names, dtype="object")
        for name, names in columns.items()
    }
    return SimpleNamespace(manifest={"redacted": redacted}, table=frames.get)


HERE = ("ap-northeast-1", "123456789012")
ARN = "arn:aws:lambda:{}:123456789012:function:worker"
CHANGES = pd.DataFrame(
    {
        "event_id": [None, *(f"e{number}" for number in range(7))],
        "event_name": "UpdateFunctionCode",
        "time": pd.Timestamp(START),
    }
)


def test_a_case_is_of_one_region_and_account_or_has_no_links():
    functions = [("worker", "/aws/lambda/worker", ARN.format("eu-west-1"))]
    other = [*functions, ("b", None, ARN.format("eu-west-2"))]
    alarm = [('{"AlarmActions": ["arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a"]}',)]
    for tables, place in (
        ({"queues": [HERE, HERE, (None, None)]}, HERE),
        ({"queues": [HERE, ("eu-west-1", HERE[1])], "functions": functions}, None),
        ({"functions": functions}, ("eu-west-1", HERE[1])),
        ({"functions": other, "alarms": alarm}, None),
        ({"alarms": alarm}, ("cn-north-1", HERE[1])),
        ({}, None),
    ):
        found = place_of(case(**tables))
        assert (found and astuple(found)) == place
    for level, is_known in (("secrets", True), ("ids", False), ("share", False)):
        assert (place_of(case(level, queues=[HERE])) is not None) == is_known
        assert bool(links(case(level, queues=[HERE]), (), WINDOW, CHANGES)) == is_known
        assert bool(links_of_endpoint(case(level, queues=[HERE]), "/", WINDOW, CHANGES)) == is_known


def test_links_lead_to_the_queue_its_dlq_its_function_and_its_changes():
    functions = [("worker", "/custom/worker", None), ("other", None, None)]
    known = case(queues=[HERE], functions=functions)
    for dlq, function, ids in (
        ("q-dlq", "worker", ["queue", "dlq", "queue-metrics", "function", "function-metrics", "errors"]),
        ("q-dlq", None, ["queue", "dlq", "queue-metrics"]),
        (None, "other", ["queue", "queue-metrics", "function", "function-metrics", "errors"]),
    ):
        pipeline = SimpleNamespace(queue="q", dlq=dlq, function=function)
        found = links(known, [pipeline, pipeline], WINDOW, CHANGES)
        assert [said.id for said, _ in found] == [
            *(f"console-{each}" for each in ids),
            *["console-event"] * 5,
        ]
        urls = {said.id: url for said, url in found}
        assert ("q-dlq" in urls["console-queue-metrics"]) == (dlq is not None)
        if function is not None:
            group = "custom" if function == "worker" else "aws"
            assert f"*2f{group}*2f" in urls["console-errors"].lower().replace("$252f", "*2f").replace(
                "%2f", "*2f"
            )
    assert [url[-2:] for said, url in found if said.id == "console-event"] == ["e0", "e1", "e2", "e3", "e4"]


def test_links_of_an_endpoint_lead_to_its_metrics_and_the_lines_of_its_log_groups():
    metrics = [
        ("AWS/EC2", "CPUUtilization", f"i-{number}", json.dumps({"InstanceId": f"i-{number}"}))
        for number in (0, 0, 1, 2, 3, 4, 5)
    ]
    known = case(
        queues=[HERE], metrics=[*metrics, ("AWS/EC2", "X", "i-9", None)], log_queries=[("g",), (None,)]
    )
    found = links_of_endpoint(known, "/a.b/c", WINDOW, CHANGES)
    ids = [said.id for said, _ in found]
    assert ids == ["console-metrics"] * 5 + ["console-lines"] + ["console-event"] * 5
    lines = {said.id: (said, url) for said, url in found}["console-lines"]
    assert lines[0].values["groups"].items == ("g",)
    assert "i-0" in found[0][1] and "i-1" not in found[0][1]
    assert links_of_endpoint(case(queues=[HERE]), "/", WINDOW, CHANGES[:0]) == []


def test_pages_are_opened_by_their_name_and_only_with_parameters_that_they_have(evidence):
    assert notebook.HealthPage.__name__ == "HealthPage"
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = notebook.Nothing
    with pytest.raises(InputError) as refused:
        notebook.open_alarms(case=str(evidence), specs="x")
    assert is_error(
        refused.value,
        "error-page-unknown",
        name="specs",
        known=", ".join(notebook.AlarmParameters.__annotations__),
    )
    for parameters, message_id, value in (
        ({"replications": 1}, "error-replications", "1"),
        ({"replications": "3"}, "error-replications", "'3'"),
        ({"seed": -1}, "error-seed", "-1"), ({"seed": 1.5}, "error-seed", "1.5"),
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            notebook.open_what_if(case=str(evidence), **parameters)
        assert is_error(refused.value, message_id, value=value)
    with pytest.raises(InputError) as refused:
        notebook.open_what_if(case=str(evidence), runs=2)
    assert is_error(
        refused.value,
        "error-page-unknown",
        name="runs",
        known=", ".join(notebook.WhatIfParameters.__annotations__),
    )
