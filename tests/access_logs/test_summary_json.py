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


def test_secrets_are_masked_and_a_note_says_so():
    summary = summary_of({"path": "/a?token=abcdefgh12345678", "request_time_s": 1.0}, by="full-path")
    report = access_report(summary, [])
    assert "abcdefgh12345678" not in json.dumps(report)
    assert [messages_in(one.message) for one in report["notes"]] == [{"access-note-masked": {"mask": "***"}}]
    assert access_report(summary_of({"path": "/a"}), [])["notes"] == []
