"""The report of a scan as JSON: every value of it, and what is masked or left out."""

import json
from datetime import UTC, datetime, timedelta

from worlds.access_samples import requests
from worlds.messages import messages_in

from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.summary import AccessSummary
from watchme_analysis.access_logs.summary_json import access_report
from watchme_analysis.retrieval import Rejected, Retrieval

START = datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
UPSTREAM = "192.0.2.20:80"


def summary_of(*rows, **options):
    summary = AccessSummary(**options)
    summary.add(requests(*rows, by=summary.by))
    return summary


def retrieval(**changes):
    values = {"lines": 6, "rows": 3, "blank_lines": 1, "filtered": 1, "start": START, "end": START}
    return Retrieval("nginx_access", **({"origin": "access.log"} | values | changes))


def test_a_report_adds_up_its_inputs_and_quotes_their_first_rejected_lines():
    long_line = Rejected("access.log", 2, "short", "x" * 300, 300)
    others = [Rejected("b.log", at, "long" if at > 2 else "short", str(at), 1) for at in range(1, 8)]
    later = {"start": START - timedelta(1), "end": START + timedelta(1)}
    inputs = [
        retrieval(rejected=(long_line,)),
        retrieval(origin="b.log", **later, truncated=True, rejected=(*others,), lines=12, notes=("a note",)),
        retrieval(origin="c.log", lines=None, rows=0, blank_lines=0, filtered=0, start=None, end=None),
    ]
    report = access_report(summary_of({"path": "/a"}), inputs, ["about all"], "bytes")
    assert report["window"] == {"start": "2025-12-10T01:10:30+00:00", "end": "2025-12-12T01:10:30+00:00"}
    counts = ("lines", "rows", "rejected", "blank", "left_out", "truncated")
    assert [report[name] for name in counts] == [18, 6, 8, 2, 2, True]
    assert [[one[name] for name in counts] for one in report["inputs"]] == [
        [6, 3, 1, 1, 1, False],
        [12, 3, 7, 1, 1, True],
        [None, 0, 0, 0, 0, False],
    ]
    first, second, _ = report["inputs"]
    assert first["first_rejected"] == [{"line": 2, "reason": "short", "text": "x" * 200}]
    assert second["rejected_reasons"] == {"long": 5, "short": 2}
    assert [one["line"] for one in second["first_rejected"]] == [1, 2, 3, 4, 5]
    assert (report["notes"], second["notes"]) == (["about all"], ["a note"])
    assert json.dumps(report)


def test_a_report_counts_requests_by_route_status_and_upstream():
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
    report = access_report(summary, [], [], "bytes")
    assert (report["requests"], report["only"], report["sort"]) == (4, ["method=*"], "bytes")
    assert report["statuses"] == {"200": 1, "499": 1, "504": 1, "-": 1}
    first, *others = report["groups"]
    assert (first["key"], {group["key"] for group in others}) == ("/a", {"-", "/b/*"})
    names = ("requests", "share_pct", "timed", "upstream_timed", "bytes", "client_error_pct", "499_pct")
    assert [first[name] for name in names] == [2, 50.0, 2, 0, 150, 50.0, 50.0]
    total = report["total"]
    names = ("requests", "timed", "bytes", "server_error_pct", "502_pct", "504_pct", "p50_s", "max_s")
    assert [total[name] for name in names] == [4, 3, 170, 25.0, 0.0, 25.0, 2.0, 30.0]
    assert {total[f"upstream_{name}_s"] for name in ("p50", "p90", "p99", "max")} == {29.5}
    assert [one["upstream_status"] for one in report["upstreams"]] == [504, None]
    slowest = report["slowest"][0]
    assert (slowest["time"], slowest["method"]) == ("2025-12-11T01:10:31.500000+00:00", "POST")
    assert (slowest["path"], slowest["request_time_s"], slowest["status"]) == ("/b/1", 30.0, 504)


def test_secrets_are_masked_and_a_note_says_so():
    summary = summary_of({"path": "/a?token=abcdefgh12345678", "request_time_s": 1.0}, by="full-path")
    report = access_report(summary, [])
    assert "abcdefgh12345678" not in json.dumps(report)
    assert [messages_in(one.message) for one in report["notes"]] == [{"access-note-masked": {"mask": "***"}}]
    assert access_report(summary_of({"path": "/a"}), [])["notes"] == []
