"""Numbers of the pages of one small incident, read as frames; displays are compared in other modules."""

import json
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest
from worlds.printed import is_error, said

from watchme_analysis import notebook
from watchme_analysis.alarms.specification import read_specs
from watchme_analysis.config import LoadSettings
from watchme_analysis.errors import InputError
from watchme_analysis.notebook.console_links import links, links_of_endpoint, place_of
from watchme_analysis.notebook.page import Page
from watchme_analysis.notebook.section import Rows, Section, records, section, sections_of
from watchme_analysis.present.display import FigureView, TableView, TextView
from watchme_analysis.simulation.advice import advice, configured, doubts
from watchme_analysis.simulation.advice import warnings as warnings_of
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.figures import throttling_sentences
from watchme_analysis.simulation.scenarios import Estimate, scenarios, usual_load, usual_settings
from watchme_analysis.simulation.throttling import ThrottlingPoint
from watchme_analysis.text.message import Choice, Names, Resource, message
from watchme_analysis.text.render import render
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
    assert ("283 → 197", "14.8 → 12.8", "70 → 42") in {row[2:5] for row in shown.values()}

    assert only(page, "dead_letters_by_receives")["receive_count"] == 4
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


def test_the_first_section_says_what_was_opened_and_the_rest_what_is_lost(page):
    rows = dict(page._opened().rows)
    assert "backlog" in rows.values()
    assert only(page, "coverage", table="queue_messages")["rows"] == 10
    assert page.losses.frame["is_absent"].sum() == len(page.losses.frame)
    assert page._leading_query() == page.verdict.sql == page.diagnosis.ranking[0].finding.evidence[0].sql
    evidence = page.findings.frame
    assert evidence.loc[0, "cause"] == "consumer_failing"
    assert len(evidence) == sum(len(entry.finding.evidence) for entry in page.diagnosis.ranking)
    assert page.conclusion.frame["sentence"].tolist()[0] == page.conclusion().paragraphs[0]
    shown = page.next_evidence.frame
    assert shown["what"].tolist() == [row[0] for row in page.next_evidence().rows]


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
    assert stated._tests.detection.at == datetime(2025, 11, 18, 3, tzinfo=UTC)
    assert "1 h 18 min" in stated.time_to_detect().paragraphs[0]


def test_the_numbers_of_the_balance_are_those_that_the_table_shows(page):
    frame, table = page.balance.frame, page.balance()
    shown = {row[0]: row for row in table.rows}
    assert set(frame["queue"]) == set(shown)
    for row in frame.itertuples():
        assert shown[row.queue][table.heads.index("deleted")] == f"{row.deleted:,.0f}"
    assert pd.api.types.is_numeric_dtype(frame["deleted"])
    namespaces = page.sql(f"select distinct namespace from ({page.balance.sql})")
    assert namespaces["namespace"].tolist() == ["AWS/SQS"]


def test_a_health_page_shows_the_affected_endpoints_then_their_neighbours_then_the_probed():
    observed = pd.DataFrame(
        [("/probed", -1)] * 2
        + [("/used", 0)] * 9
        + [("/health", -1), ("/health", 5), ("/jobs/*", 1), ("/jobs/*", 2), ("/jobs/*", 3), ("/other", 4)],
        columns=["route", "row"],
    )
    upstreams = {"/health": "a", "/other": "a", "/jobs/*": "b"}
    for affected, routes, compared in (
        ({"/health": 1}, ["/health", "/jobs/*", "/other", "/probed"], ["/health", "/other", "/used"]),
        ({}, ["/probed", "/health", "/used"], ["/probed", "/used", "/jobs/1"]),
        (
            dict.fromkeys(("/jobs/*", "/health", "/other", "/x", "/y", "/z")),
            ["/jobs/*", "/health", "/other", "/x", "/y", "/probed", "/used"],
            ["/jobs/1", "/health", "/used"],
        ),
    ):
        page = notebook.HealthPage(None, UTC, "en")
        page.__dict__["context"] = SimpleNamespace(
            routes=affected,
            observed=observed,
            upstreams=upstreams,
            calm_neighbours=lambda: ["/other", "/jobs/*"],
        )
        assert page.routes == routes
        assert page._compared_paths() == compared
        assert page.subjects()[:2] == ["/used", "/jobs/*"]


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


def numbers_of(line):
    """Return the points of a line with times as seconds after the start."""
    days = START.timestamp() / 86_400
    return [(round((x - days) * 86_400), round(y, 3)) for x, y in line.get_xydata()]


def heads_of(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


def test_the_timeline_has_the_requests_from_their_begin_and_the_incident(incident, drawn):
    incident.timeline()
    [figure] = drawn
    nginx = figure.axes[2]
    others, affected, failed = nginx.get_lines()
    assert numbers_of(others) == [(second, 0.05) for second in range(0, 60, 2)]
    assert numbers_of(affected) == [(second, 0.02) for second in (*range(1, 20, 2), *range(41, 60, 2))]
    # Those that end at 21, 23 and so on began five seconds earlier; the error is logged at the end.
    assert numbers_of(failed) == [(second, 5.0) for second in range(16, 35, 2)]
    errors = figure.axes[3].get_lines()[0]
    assert [second for second, _ in numbers_of(errors)] == [*range(21, 40, 2)]
    # The incident is shaded from the start of the first request without a response.
    [shade] = figure.axes[0].patches
    day = START.timestamp() / 86_400
    assert round((shade.get_bbox().x0 - day) * 86_400) == 16
    frame = incident.timeline.frame
    assert frame["phase"].value_counts().to_dict() == {"incident": 25, "after": 18, "baseline": 17}


def test_vantages_and_layers_are_compared_by_phase(incident, drawn):
    incident.vantages()
    incident.where_time_goes()
    vantages, layers = drawn
    assert heads_of(vantages) == ["/health", "/jobs"]
    rows = [[tick.get_text() for tick in axis.get_yticklabels()] for axis in vantages.axes]
    assert [[row.partition(": ")[2] for row in part] for part in rows] == [
        ["17", "13, 10 " + rows[0][1].rpartition(" ")[2]], ["18", "12"]
    ]  # fmt: skip
    medians = [line.get_xdata()[0] for line in vantages.axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert medians == [0.02, 5.0]
    bars = [(round(bar.get_x(), 2), round(bar.get_width(), 2)) for bar in layers.axes[0].patches]
    # Of the incident's thirteen requests ten waited for 4.99 s and three for 0.01 s: 3.84 s on average.
    assert bars == [
        (0, 0.01),
        (0.01, 0.01),
        (0, 3.84),
        (3.84, 0.01),
        (0, 0.04),
        (0.04, 0.01),
        (0, 0.04),
        (0.04, 0.01),
    ]


def test_the_waterfall_has_the_slowest_and_a_typical_request(incident, drawn):
    incident.waterfall()
    [figure] = drawn
    assert [axis.get_xlim()[1] > 4 for axis in figure.axes] == [True, False]
    bars = [(round(bar.get_x(), 2), round(bar.get_width(), 2)) for bar in figure.axes[0].patches]
    # Nginx, connect (drawn wide enough to be seen), the wait for the header, the body.
    assert [bar[0] for bar in bars] == [0, 0, 0, 4.99]
    assert (bars[0][1], bars[2][1]) == (5.0, 4.99)
    assert all(0 < width < 0.1 for _, width in (bars[1], bars[3]))
    frame = incident.waterfall.frame
    assert frame["request"].tolist() == ["slowest"] * 6 + ["typical"] * 6
    assert frame["note"].tolist()[2] == "192.0.2.11:8000"
    assert all(isinstance(note, str) for note in frame["note"])


def test_requests_in_flight_are_those_of_the_affected_endpoint(incident, drawn):
    incident.in_flight()
    [figure] = drawn
    upstream, path, latency, load = figure.axes
    # Each bad request lasts five seconds and one begins every two seconds: three are open at once.
    assert [max(axis.get_lines()[0].get_ydata()) for axis in (upstream, path)] == [3, 3]
    assert "192.0.2.11:8000" in upstream.get_lines()[0].get_label()
    assert path.get_lines()[0].get_label().startswith("/health")
    good, failed = latency.get_lines()
    assert (numbers_of(failed), len(good.get_xdata())) == ([(second, 5.0) for second in range(16, 35, 2)], 20)
    # No other path was open at the same time, so that all points stand at a load of 0.
    assert {x for line in load.get_lines() for x in line.get_xdata()} == {0.0}


@pytest.fixture
def backtested(evidence, tmp_path):
    """The page of alarms on a case with a queue without metrics, and a check that failed."""
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "alarms:\n"
        "- {name: checks, over: probes, metric: failed, stat: Sum, period_s: 60, threshold: 0}\n"
        "- {name: age, over: queue, metric: ApproximateAgeOfOldestMessage, stat: Maximum, period_s: 60,\n"
        "   threshold: 30}\n"
    )
    return notebook.open_alarms(
        case=str(evidence), timezone="UTC", spec=str(spec), noticed="2025-12-11T01:00:20", language="en"
    )


def test_the_sections_of_alarms_show_what_fired_and_what_could_not_be_tested(backtested, drawn):
    page = backtested
    assert page.rules.frame[["name", "over", "stat"]].values.tolist() == [
        ["checks", "probes", "Sum"], ["age", "queue", "Maximum"]
    ]  # fmt: skip
    assert [row[:1] for row in page.rules().rows] == [("checks",), ("age",)]
    tests = page.backtest.frame.set_index(["alarm", "resource"])["times_raised"]
    assert tests.dropna().to_dict() == {
        ("checks", "/health from inside"): 0, ("checks", "/health from outside"): 1
    }  # fmt: skip
    assert tests.isna().to_dict()[("age", "jobs")]
    # Nothing in the account.
    none = said("existing-alarms-none")
    assert (page.existing.frame.empty, page.existing().rows, page.existing().note) == (True, (), none)
    assert page.time_to_detect().paragraphs == (said("detect-no-incident"),)
    assert page.advice().paragraphs == (said("alarms-first-vain", alarms=Names(("checks",), limit=1)),)
    assert (page.improvements.frame.empty, page.ranges.frame.empty) == (True, True)
    assert [*page.improvements.frame] == ["alarm", "resource", "finding", "instead", "effect"]
    page.fires()
    page.sensitivity()
    fires, swept = drawn
    [axis] = fires.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["checks\n/health from outside"]
    # People noticed 20 seconds after the first probe.
    [noticed] = axis.get_lines()
    day = datetime(2025, 12, 11, 1, tzinfo=UTC).timestamp() / 86_400
    assert round((noticed.get_xdata()[0] - day) * 86_400) == 20
    assert swept.axes[0].texts[0].get_text() == said("sensitivity-none")


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
    items = page.dead_letters_by_work_item
    assert items.frame["messages"].tolist() == [2, 2, 2, 2, 1, 1]
    assert items().heads[1] == "device" and len(items().rows) == 6
    assert (page.forecast().rows, page.forecast().note) == ((), said("forecast-empty"))
    assert (page.patterns().rows, page.forecast.frame.empty) == ((), True)


class Simulated:
    """The fit of a queue, as far as a page shows it."""

    def __init__(self, function="worker"):
        settings = usual_settings()
        self.scenarios = scenarios(settings, usual_load(LoadSettings(senders=1, interval_s=7200.0)))
        self.pipeline = SimpleNamespace(queue="orders", function=function)
        self.fit, self.notes, self.recorded = SimpleNamespace(settings=settings), ("A note.",), None

    def agreements(self, found):
        assert found.scenario.name == "as configured"
        near = Agreement(
            figure="dead_lettered", recorded=3.0, simulated=4.0, is_near=False, lowest=2.0, highest=9.0
        )
        return (("orders", near),)


# How long a poller retries a throttled batch, whether it backs off, and the percentage in the DLQ.
THROTTLED = [(0.0, True, 50.0), (300.0, True, 12.5), (0.0, False, 70.0), (300.0, False, 20.0)]


@pytest.fixture
def what_if():
    """A page of measures against a load of one message in two hours, each simulated twice."""
    page = notebook.WhatIfPage(None, UTC, "en", replications=2)
    page.__dict__["_model"] = Simulated()
    page.__dict__["diagnosis"] = SimpleNamespace(
        cause=None, verdict="no_incident", incident_start=None, extra={}, ranking=()
    )  # fmt: skip
    page.__dict__["_sweep"] = (
        *(
            ThrottlingPoint("reserved", 300.0, patience, 5.0, backs_off, Estimate(dead, None, 3))
            for patience, backs_off, dead in THROTTLED
        ),
        ThrottlingPoint("maximum", 300.0, 0.0, 0.0, False, Estimate(0.0, None, 3)),
    )
    return page


def test_the_runs_of_each_measure_are_rows_and_their_means_a_table(what_if):
    frame = what_if.measures.frame
    usual = frame[frame["measure"].eq("as configured")]
    assert usual["run"].tolist() == [1, 2]
    # Four or five messages in eight hours, each done.
    assert usual["sent"].between(4, 5).all() and usual["deleted"].tolist() == usual["sent"].tolist()
    assert usual[["dead_lettered", "expired", "lost", "duplicates"]].eq(0).all(axis=None)
    assert len(frame) == 2 * len(what_if._model.scenarios) == 2 * len(what_if.measures().rows)
    assert what_if.figure.frame.equals(frame)


def test_the_agreement_with_the_record_is_a_row_for_each_figure(what_if):
    assert what_if.agreement.frame.to_dict("records") == [
        {
            "queue": "orders", "figure": "dead_lettered", "recorded": 3, "simulated": 4, "is_near": False,
            "lowest": 2, "highest": 9,
        }
    ]  # fmt: skip
    assert len(what_if.agreement().rows) == 1


def test_the_sentences_on_a_simulation_are_those_of_its_advice(what_if):
    found = what_if._found
    doubted = doubts(what_if._model.agreements(found[0]))
    assert what_if.in_short().paragraphs == tuple(
        map(render, (*warnings_of(found), *doubted, *advice(found)[:1]))
    )
    assert doubted and what_if.advice().paragraphs == tuple(map(render, advice(found)))
    assumed = what_if.assumptions()
    settings = render(configured(usual_settings()))
    named = {"queue": "orders", "function": "worker", "known": Choice("named")}
    assert assumed.paragraphs == (said("simulated-queue", **named), settings)
    assert assumed.items == ("A note.",)
    what_if.__dict__["_model"] = Simulated(function=None)
    unknown = {"queue": "orders", "function": "", "known": Choice("unknown")}
    assert what_if.assumptions().paragraphs[0] == render(message("simulated-queue", **{
        name: Resource(value) if isinstance(value, str) else value for name, value in unknown.items()
    }))  # fmt: skip


def test_throttling_is_a_row_a_figure_and_sentences(what_if, drawn):
    reserved = {"limit": "reserved", "visibility_timeout_s": 300, "retry_s": 5}
    maximum = {"limit": "maximum", "visibility_timeout_s": 300, "retry_s": 0}
    assert what_if.throttling.frame.to_dict("records") == [
        *(
            reserved | {"patience_s": patience, "backs_off": backs_off, "dead_unfailed_pct": dead}
            for patience, backs_off, dead in THROTTLED
        ),
        maximum | {"patience_s": 0, "backs_off": False, "dead_unfailed_pct": 0},
    ]
    first, *rest = what_if.warning().paragraphs
    assert first == said("throttling-advice")
    assert rest == [render(each) for each in throttling_sentences(what_if._sweep)]
    what_if.throttling()
    what_if.figure()
    throttling, measures = drawn
    assert len(throttling.axes) == 1
    assert len(measures.axes[0].get_yticklabels()) == len(what_if._found)


class Numbers:
    """Stands for a page with three sections."""

    language = "en"
    window = WINDOW
    shown: ClassVar = set()

    @section(lambda page: pd.DataFrame({"n": [2, 1]}, index=[7, 8]), Rows("metrics", "n > 1"), plot="drawn")
    def numbers(self):
        return TableView("Numbers", ("n",), (("2",),))

    @section(sql=lambda page: None)
    def said(self):
        return TextView(("One.", "Two."), ("three",))

    @section()
    def bare(self):
        return TableView("Bare", (), ())


def test_a_section_has_its_numbers_and_the_query_of_its_rows():
    found = sections_of(Numbers())
    assert list(found) == ["numbers", "said", "bare"]
    numbers, said, bare = found.values()
    assert isinstance(numbers, Section)
    assert (numbers.frame["n"].tolist(), numbers.frame.index.tolist()) == ([2, 1], [0, 1])
    assert numbers.sql == (
        "select * from metrics where n > 1 and time >= timestamptz '2026-03-02T04:00:00+00:00' and "
        "time < timestamptz '2026-03-02T05:00:00+00:00' order by time"
    )
    assert (said.frame["sentence"].tolist(), said.sql, bare.sql) == (["One.", "Two.", "three"], None, None)
    assert bare.frame.empty
    assert numbers() == Numbers().numbers() and repr(numbers) == "<Section numbers>"
    assert Rows("queues").query(Numbers()) == "select * from queues"
    assert Rows("queues", "x = 1").query(Numbers()) == "select * from queues where x = 1"
    with pytest.raises(InputError, match="said"):
        said.plot()
    with pytest.raises(InputError, match="bare"):
        bare.plot()
    typed = records([{"a": 1, "b": "x", "c": 3}, {"a": None}], ("a", "b"))
    assert (typed["a"].dtype, list(typed), typed["a"].isna().tolist()) == ("Int64", ["a", "b"], [False, True])


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


def bare(language="en", **case):
    """Return a page of a case that has these attributes, without a window."""
    about = SimpleNamespace(**{"name": "night", "window": None, "tables": (), **case})
    investigation = SimpleNamespace(case=about, window=None, question="health", options={})
    return Page(investigation, UTC, language)


def test_a_page_of_a_case_without_times_has_no_window():
    with pytest.raises(InputError) as refused:
        _ = bare().window
    assert is_error(refused.value, "error-page-no-times", case="night")
    stated = bare(window=WINDOW)
    assert stated.window is WINDOW
    stated.investigation.window = Window(START, START + timedelta(minutes=1))
    assert stated.window.end == START + timedelta(minutes=1)


def test_a_page_counts_the_rows_of_each_table_and_names_what_was_opened():
    page = bare(window=WINDOW, tables=("probes", "metrics"), title="A night")
    assert page._row_counts() == (
        "select 'probes' as \"table\", count(*) as rows from probes union all "
        "select 'metrics' as \"table\", count(*) as rows from metrics"
    )
    assert page.subjects() == []
    page.investigation.options = {"queue": "orders"}
    view = page._opened()
    between = said("losses-between", start="2026-03-02 04:00:00", end="2026-03-02 05:00:00")
    assert view.rows == (
        (said("opened-question"), "health"), (said("opened-case"), "A night"),
        (said("opened-window"), between), (said("opened-queue"), "orders"),
    )  # fmt: skip
    assert page._repr_mimebundle_() == view._repr_mimebundle_()


def test_the_query_of_a_page_is_that_of_the_strongest_statement_on_the_leading_cause():
    page = bare()
    rows = [
        ("a", 0.2, 9.0, "select 9"), ("b", 0.7, 1.0, "select 1"), ("b", 0.7, -3.0, "select 3"),
        ("b", 0.7, 5.0, ""), ("c", 0.9, 5.0, None),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["cause", "probability", "weight", "sql"])
    page._evidence_rows = lambda: frame
    assert page._leading_query() == "select 3"
    page._evidence_rows = lambda: frame[frame["cause"].eq("c")]
    assert page._leading_query() is None


def test_a_figure_of_a_section_is_its_own_or_that_of_another():
    view = FigureView("dot", b"", "a dot")

    class Drawn:
        language = "en"
        shown: ClassVar = set()

        @section(lambda page: pd.DataFrame({"n": [1]}))
        def drawn(self):
            return view

        @section(plot="drawn")
        def told(self):
            return TextView(("One.",))

        @section()
        def bare(self):
            return TextView(("One.",))

    assert Drawn().drawn.plot() is view and Drawn().told.plot() is view
    assert Drawn().told._repr_mimebundle_() == TextView(("One.",))._repr_mimebundle_()
    with pytest.raises(InputError) as refused:
        Drawn().bare.plot()
    assert is_error(refused.value, "error-section-no-figure", section="bare")


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
