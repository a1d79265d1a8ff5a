"""The report of a scan as JSON: every value of it, and what is masked or left out."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.access_samples import requests
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs import summary_json
from watchme_analysis.access_logs.error_requests import errors_by_kind
from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.summary import AccessSummary
from watchme_analysis.access_logs.summary_json import access_report, error_report, is_unread, plain
from watchme_analysis.access_logs.surges import SenderCounts
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform

START = datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
UPSTREAM = "192.0.2.20:80"


def summary_of(*rows, **options):
    summary = AccessSummary(**options)
    summary.add(requests(*rows, by=summary.by))
    return summary


def retrieval(**changes):
    values = {"lines": 6, "rows": 3, "blank_lines": 1, "filtered": 1, "start": START, "end": START}
    return Retrieval("nginx_access", **({"origin": "access.log"} | values | changes))


def test_a_report_holds_the_whole_scan():
    summary = summary_of(
        {"path": "/a", "status": 200, "request_time_s": 0.5, "body_bytes": 100},
        {"path": "/a", "status": 499, "request_time_s": 2.0, "body_bytes": 50, "upstream_addr": UPSTREAM},
        {
            "path": "/b/1", "status": 504, "method": "POST", "request_time_s": 30.0,
            "upstream_addr": UPSTREAM,
            "upstream_status": 504, "upstream_response_time_s": 29.5, "time": 1765415431_500000,
        },
        {"path": None, "status": None, "time": None},
        choice=RequestFilter(only=(("method", "*"),)),
    )  # fmt: skip
    inputs = [
        retrieval(rejected=(Rejected("access.log", 2, "short", "x" * 300, 300),)),
        retrieval(
            origin="b.log", start=START - timedelta(1), end=START + timedelta(1), truncated=True, rejected=(
                *(Rejected("b.log", at, "long" if at > 2 else "short", str(at), 1) for at in range(1, 8)),
            ), lines=12, notes=("a note",),
        ),
        retrieval(origin="c.log", lines=None, rows=0, blank_lines=0, filtered=0, start=None, end=None),
    ]  # fmt: skip
    times = [f"{of}{name}_s" for of in ("", "upstream_") for name in ("p50", "p90", "p99", "max")]
    shares = ["client_error_pct", "server_error_pct", "499_pct", "502_pct", "504_pct"]

    def group(key, counts, percents, seconds):
        requested, timed, upstream_timed, sent = counts
        found = {"key": key, "requests": requested, "share_pct": 25.0 * requested, "timed": timed}
        found |= {"upstream_timed": upstream_timed, "bytes": sent} | dict(zip(shares, percents, strict=True))
        return found | dict.fromkeys(times) | dict(zip(times, seconds, strict=False))

    report = access_report(summary, inputs, ["about all"], "bytes")
    groups = [
        group("/a", (2, 2, 0, 150), [50.0, 0.0, 50.0, 0.0, 0.0], [0.5, 2.0, 2.0, 2.0]),
        group("-", (1, 0, 0, 10), [0.0] * 5, []),
        group("/b/*", (1, 1, 1, 10), [0.0, 100.0, 0.0, 0.0, 100.0], [30.0] * 4 + [29.5] * 4),
    ]
    report["groups"][1:] = sorted(report["groups"][1:], key=lambda row: row["key"])
    slowest = [
        ("2025-12-11T01:10:31.500000+00:00", "POST", "/b/1", 504, 30.0, 29.5, UPSTREAM),
        ("2025-12-11T01:10:30+00:00", "GET", "/a", 499, 2.0, None, UPSTREAM),
        ("2025-12-11T01:10:30+00:00", "GET", "/a", 200, 0.5, None, None),
    ]
    names = [
        "time",
        "method",
        "path",
        "status",
        "request_time_s",
        "upstream_response_time_s",
        "upstream_addr",
    ]
    assert report == {
        "schema_version": 1,
        "window": {"start": "2025-12-10T01:10:30+00:00", "end": "2025-12-12T01:10:30+00:00"},
        "lines": 18,
        "rows": 6,
        "rejected": 1 + 7,
        "blank": 2,
        "left_out": 2,
        "truncated": True,
        "requests": 4,
        "slower_than_s": None,
        "only": ["method=*"],
        "untimed": 0,
        "notes": ["about all"],
        "inputs": [
            {
                "name": "access.log", "lines": 6, "rows": 3, "rejected": 1, "blank": 1, "left_out": 1,
                "start": "2025-12-11T01:10:30+00:00", "end": "2025-12-11T01:10:30+00:00", "truncated": False,
                "notes": [], "rejected_reasons": {"short": 1},
                "first_rejected": [{"line": 2, "reason": "short", "text": "x" * 200}],
            },
            {
                "name": "b.log", "lines": 12, "rows": 3, "rejected": 7, "blank": 1, "left_out": 1,
                "start": "2025-12-10T01:10:30+00:00", "end": "2025-12-12T01:10:30+00:00", "truncated": True,
                "notes": ["a note"], "rejected_reasons": {"long": 5, "short": 2},
                "first_rejected": [
                    {"line": at, "reason": "long" if at > 2 else "short", "text": str(at)}
                    for at in range(1, 6)
                ],
            },
            {
                "name": "c.log", "lines": None, "rows": 0, "rejected": 0, "blank": 0, "left_out": 0,
                "start": None, "end": None, "truncated": False, "notes": [], "rejected_reasons": {},
                "first_rejected": [],
            },
        ],
        "most_missed": 0,
        "percentiles_off_pct": round(summary.most_off_pct, 6),
        "total": group(
            "all", (4, 3, 1, 170), [25.0, 25.0, 25.0, 0.0, 25.0], [2.0, 30.0, 30.0, 30.0] + [29.5] * 4
        ),
        "statuses": {"200": 1, "499": 1, "504": 1, "-": 1},
        "by": "path",
        "sort": "bytes",
        "groups": groups,
        "upstreams": [
            {"upstream_addr": UPSTREAM, "upstream_status": 504, "status": 504, "requests": 1},
            {"upstream_addr": UPSTREAM, "upstream_status": None, "status": 499, "requests": 1},
        ],
        "slowest": [dict(zip(names, one, strict=True)) for one in slowest],
        "surge": None,
    }  # fmt: skip
    assert json.dumps(report)


def test_an_empty_scan_has_no_window():
    report = access_report(AccessSummary(), [])
    assert report["window"] == {"start": None, "end": None}
    assert (report["lines"], report["truncated"], report["groups"], report["slowest"]) == (0, False, [], [])
    assert (report["sort"], report["statuses"]) == ("requests", {})


@together(
    ("order", "keys"),
    [
        ("requests", ["/a", "/b", "/c"]), ("p50", ["/c", "/a", "/b"]), ("p99", ["/a", "/c", "/b"]),
        ("max", ["/a", "/c", "/b"]), ("bytes", ["/b", "/a", "/c"]), ("upstream", ["/b", "/c", "/a"]),
        ("4xx", ["/b", "/a", "/c"]), ("5xx", ["/c", "/a", "/b"]),
    ],
)  # fmt: skip
def test_groups_are_in_the_order_that_was_chosen(order, keys):
    rows = [("/a", 200, 1.0, 10, 0.1)] * 6 + [("/a", 404, 9.0, 0, 0.1), ("/a", 500, 1.0, 0, 0.1)]
    rows += [("/b", 404, 0.5, 100, 0.3)] * 3 + [("/c", 500, 2.0, 5, 0.2)]
    names = ("path", "status", "request_time_s", "body_bytes", "upstream_response_time_s")
    summary = summary_of(*(dict(zip(names, row, strict=True)) for row in rows))
    assert [row["key"] for row in access_report(summary, [], order=order)["groups"]] == keys


def test_minutes_stay_in_their_order():
    times = [1765415430_000000 + 60_000_000 * at for at in (2, 0, 2, 1)]
    summary = summary_of(*({"time": time} for time in times), by="minute")
    report = access_report(summary, [], order="requests")
    assert [row["key"] for row in report["groups"]] == [f"2025-12-11T01:1{at}Z" for at in range(3)]


def test_reduced_precision_is_stated(monkeypatch):
    summary = summary_of({"request_time_s": 0.5})
    summary._by_key.missed, summary._by_key.wider = 7, 1
    rarest, wide = access_report(summary, [], ["first"])["notes"][1:]
    assert messages_in(rarest.message) == {
        "access-note-rarest": {"by": "path", "other": "(others)", "missed": 7}
    }
    assert messages_in(wide.message) == {
        "access-note-percentiles": {"by": "path", "off": "2.2 %", "total": "1.1 %"}
    }


def test_a_surge_is_reported_with_its_senders():
    rows = [{"time": 1765415430_000000 + at * 1_000_000} for at in range(8)]
    rows += [{"time": 1765415438_000000, "client_addr": "192.0.2.9", "user_agent": "bot/1"}] * 60
    summary = summary_of(*rows)
    surge = summary.arrivals.surge()
    senders = SenderCounts(surge)
    table = requests(*rows, by="client")
    agents = requests(*rows, by="agent")["user_agent"]
    senders.add(table.append_column("user_agent", agents))
    times = {"start": "2025-12-11T01:10:38+00:00", "end": "2025-12-11T01:10:39+00:00"}
    numbers = times | {"step_s": 1, "steps": 1, "requests": 60, "usual_requests": 1.0}
    assert access_report(summary, [])["surge"] == numbers | {
        "senders_counted": False,
        "client": None,
        "agent": None,
    }
    found = access_report(summary, [], senders=senders)["surge"]
    client = {"value": "192.0.2.9", "requests": 60, "excess_pct": 100.0}
    agent = {"value": "bot/1", "requests": 60, "excess_pct": 100.0, "distinguishing": "bot/1"}
    assert found == numbers | {"senders_counted": True, "client": client, "agent": agent}


def test_secrets_are_masked_and_a_note_says_so():
    summary = summary_of({"path": "/a?token=abcdefgh12345678", "request_time_s": 1.0}, by="full-path")
    report = access_report(summary, [])
    assert "abcdefgh12345678" not in json.dumps(report)
    assert [messages_in(one.message) for one in report["notes"]] == [{"access-note-masked": {"mask": "***"}}]
    assert access_report(summary_of({"path": "/a"}), [])["notes"] == []


def linked(*rows):
    """Return errors with the values of their requests, as far as a row states them."""
    base = {"file": "error.log", "kind": "upstream_refused", "message": "refused", "path": "/a", "pid": 31}
    further = {
        "link": "none", "candidates": 0, "request_file": None, "request_line": None, "request_ended": pd.NaT,
        "status": None, "request_time_s": None,
    }  # fmt: skip
    errors = [
        base | {"line": at} | {name: value for name, value in row.items() if name not in further}
        for at, row in enumerate(rows, 1)
    ]
    frame = conform("error_log", pd.DataFrame(errors))
    for name, value in further.items():
        frame[name] = [row.get(name, value) for row in rows]
    for name in ("request_line", "status"):
        frame[name] = frame[name].astype("Int64")
    return frame


def test_an_error_report_lists_errors_in_order_of_time(monkeypatch):
    frame = linked(
        {"time": START, "link": "alone", "request_file": "access.log", "request_line": 7, "status": 502,
         "request_ended": START, "request_time_s": 0.25, "method": "GET", "upstream_addr": UPSTREAM},
        {"time": START - timedelta(seconds=1)},
        {"time": None, "kind": None},
    )  # fmt: skip
    found = error_report(frame, [retrieval(origin="error.log")], ["a note"])
    assert [one["line"] for one in found["lines"]] == [3, 2, 1]
    assert found["lines"][2] == {
        "time": "2025-12-11T01:10:30+00:00", "kind": "upstream_refused", "link": "alone",
        "message": "refused",
        "method": "GET", "path": "/a", "upstream_addr": UPSTREAM, "status": 502, "request_time_s": 0.25,
        "file": "error.log", "line": 1, "request_file": "access.log", "request_line": 7,
        "request_ended": "2025-12-11T01:10:30+00:00",
    }  # fmt: skip
    assert (found["errors"], found["notes"], [one["name"] for one in found["inputs"]]) == (
        3,
        ["a note"],
        ["error.log"],
    )
    assert [one["kind"] for one in found["kinds"]] == ["upstream_refused", "other"]
    assert json.dumps(found)
    monkeypatch.setattr(summary_json, "_MOST_ERRORS", 3)
    assert error_report(frame, [])["notes"] == []
    monkeypatch.setattr(summary_json, "_MOST_ERRORS", 1)
    # The last error is also the last that has a request.
    cut = error_report(frame, [])
    assert [one["line"] for one in cut["lines"]] == [1]
    assert [messages_in(one.message) for one in cut["notes"]] == [
        {"access-note-last-errors": {"errors": 3, "listed": 1}}
    ]


def test_kinds_of_errors_are_summed_up():
    paths = ["/a", "/b", "/a", "/c", "/d", None]
    links = ["alone", "order", "ambiguous", "none", "no_request", "alone"]
    statuses, seconds = [502, 502, None, None, None, 504], [0.5, 1.5, None, None, None, None]
    rows = [
        {
            "time": START + timedelta(seconds=at),
            "path": path,
            "link": link,
            "status": status,
            "request_time_s": took,
        }
        for at, (path, link, status, took) in enumerate(zip(paths, links, statuses, seconds, strict=True))
    ]
    rows += [{"kind": "a", "time": None}, {"kind": None, "time": START}]
    found = errors_by_kind(linked(*rows)).to_dict("records")
    assert [one["kind"] for one in found] == ["upstream_refused", "a", "other"]
    first = found[0]
    assert first.pop("p50_s") == 1.0
    assert first == {
        "kind": "upstream_refused", "errors": 6, "linked": 3, "ambiguous": 1, "unmatched": 1, "no_request": 1,
        "first": START, "last": START + timedelta(seconds=5), "paths": "/a (2), /b (1), /c (1), 1 more",
        "upstreams": "", "statuses": "502 (2), 504 (1)", "timed": 2,
    }  # fmt: skip
    assert pd.isna(found[1]["first"]) and found[1]["timed"] == 0


@together(
    ("counts", "unread"),
    [((1, 0, 0), True), ((1, 1, 0), False), ((1, 0, 1), False), ((0, 0, 0), False)],
)
def test_an_input_is_unread_if_all_of_its_lines_were_rejected(counts, unread):
    assert is_unread(dict(zip(("rejected", "rows", "left_out"), counts, strict=True))) is unread


def test_values_become_those_of_json():
    assert plain({"a": [START, float("nan"), 1.23456789], "b": None, "c": "x", "d": 7}) == {
        "a": ["2025-12-11T01:10:30+00:00", None, 1.234568],
        "b": None,
        "c": "x",
        "d": 7,
    }


@pytest.mark.parametrize("rows", [1, 2])
def test_many_groups_are_converted_in_parts(monkeypatch, rows):
    monkeypatch.setattr(summary_json, "_ROWS", rows)
    summary = summary_of(*({"path": path} for path in ("/a", "/a", "/b", "/c")))
    assert [row["requests"] for row in access_report(summary, [])["groups"]] == [2, 1, 1]
