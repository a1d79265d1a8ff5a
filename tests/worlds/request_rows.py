"""Rows of the access, edge and application log of single requests, for tests of how they are joined."""

import pandas as pd

from watchme_analysis.schema import conform

START = pd.Timestamp("2026-03-02T04:00:00Z")
USUAL = "192.0.2.11:8100"


def at(second):
    return START + pd.Timedelta(seconds=second)


def access(*rows):
    base = {"file": "access.log", "method": "GET", "path": "/svc/health", "status": 200, "body_bytes": 20}
    return conform("access_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def edge(*rows):
    base = {"file": "edge.jsonl", "method": "GET", "path": "/svc/health", "status": 200, "origin_status": 200}
    return conform("edge_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def app(*rows):
    base = {
        "file": "app.log", "service": "", "kind": "access", "message": "GET", "path": "/health",
        "status": 200, "client_addr": "192.0.2.1",
    }  # fmt: skip
    return conform("app_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def requested(end, took, **more):
    """A request that Nginx passed on and that answered with its header after ``took`` seconds."""
    times = {"request_time_s": took, "upstream_connect_time_s": 0.0, "upstream_header_time_s": took}
    return {"time": at(end), "upstream_response_time_s": took, "upstream_addr": USUAL} | times | more


def given_up(end, after, status=504):
    return requested(end, after, upstream_header_time_s=None, status=status)
