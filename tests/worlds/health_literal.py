"""A context of `/health` from literal rows: what each request became is stated, not judged.

A detector is called with it directly, which takes milliseconds, so that each side of a limit can be tested.
"""

from datetime import timedelta
from pathlib import Path

import pandas as pd

from watchme_analysis.case.case_folder import Case
from watchme_analysis.health.configuration import routes as routes_of
from watchme_analysis.health.context import HealthContext, health_context
from watchme_analysis.health.incident import Incident
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.requests.observations import error_rows
from watchme_analysis.schema import TABLES, conform, empty
from worlds.statement_rows import check_observation

START = pd.Timestamp("2026-03-02T04:00:00Z")
HEALTH, JOBS, OTHER = "/svc/health", "/svc/jobs", "/other/health"
USUAL = "192.0.2.11:8100"
# The incident begins and ends with these seconds.
BOUNDS = (20.0, 40.0)
_FLOATS = (
    "nginx_status", "edge_status", "origin_status", "upstream_status", "nginx_s", "edge_s", "connect_s",
    "header_s", "response_s", "origin_s", "edge_ttfb_s", "nginx_bytes", "join_candidates",
    "status", "duration_s",
)  # fmt: skip
_TEXTS = (
    "path",
    "route",
    "method",
    "upstream_addr",
    "upstream_raw",
    "client_addr",
    "user_agent",
    "joined_by",
)


def at(second):
    return START + timedelta(seconds=second)


def request(second, path=HEALTH, *, bad=False, took=0.02, edge=False, **columns):
    """A request that Nginx passed on, and the edge logged if ``edge``; other columns are given by name."""
    status = columns.get("nginx_status", 504.0 if bad else 200.0)
    row = {
        "start": at(second), "end": at(second + took), "path": path, "route": path, "method": "GET",
        "client_addr": "192.0.2.100", "user_agent": "caller", "seen_nginx": True, "seen_edge": edge,
        "nginx_start": at(second), "nginx_end": at(second + took), "nginx_status": status, "nginx_s": took,
        "nginx_bytes": 60.0, "connect_s": 0.0, "header_s": None if status == 504 else took,
        "response_s": took, "upstream_addr": USUAL, "upstream_status": status, "upstream_raw": None,
        "edge_start": at(second) if edge else pd.NaT, "edge_end": at(second + took) if edge else pd.NaT,
        "edge_status": status if edge else None, "edge_s": took if edge else None, "edge_ttfb_s": None,
        "origin_status": None, "origin_s": None, "nginx_bad": bad, "edge_bad": bad and edge,
        "joined_by": "ray" if edge else None, "join_candidates": 1.0 if edge else None, "nginx_file": "a.log",
        "edge_file": "e.log" if edge else None, "cache_status": None, "origin_addr": None,
    }  # fmt: skip
    return row | columns


def probe(second, vantage="inside", *, bad=False, took=0.01, path=HEALTH, **columns):
    """A probe of a path; a bad one failed without a response."""
    row = {
        "start": at(second), "vantage": vantage, "path": path, "route": path,
        "status": None if bad else 200.0, "duration_s": took, "error": None, "client_addr": None, "row": -1,
        "table": "probes",
        "file": "probes.csv", "failed": bad, "slow": False, "bad": bad, "strained": bad,
    }  # fmt: skip
    return row | columns


def _kind(name):
    if name in ("seen_nginx", "seen_edge", "nginx_bad", "edge_bad", "failed", "slow", "bad", "strained"):
        return bool
    if name in ("start", "end") or name.endswith(("_start", "_end")):
        return "datetime64[us, UTC]"
    return "float64" if name in _FLOATS else "string" if name in _TEXTS else None


def _frame(rows, names):
    """Return rows of values as a frame in order of time, each column made with its type at once."""
    rows = sorted(rows, key=lambda row: row["start"])
    columns = {name: [row[name] for row in rows] for name in names}
    return pd.DataFrame({name: pd.Series(values, dtype=_kind(name)) for name, values in columns.items()})


def _joined(requests):
    rows = [row | {"nginx_line": number, "edge_line": number} for number, row in enumerate(requests, 1)]
    return _frame(rows, [*request(0), "nginx_line", "edge_line"])


def _observed(requests, probes):
    rows = []
    begun = sorted(range(len(requests)), key=lambda place: requests[place]["start"])
    for index, place in enumerate(begun):
        row = requests[place]
        for side, table in (("edge", "edge_log"), ("nginx", "access_log")):
            if not row[f"seen_{side}"]:
                continue
            bad, status = row[f"{side}_bad"], row[f"{side}_status"]
            failed = bool(bad and status is not None and status >= 300)
            rows.append(
                {
                    "start": row[f"{side}_start"], "vantage": side, "path": row["path"],
                    "route": row["route"], "status": status, "duration_s": row[f"{side}_s"], "error": None,
                    "client_addr": row["client_addr"], "row": index, "table": table,
                    "file": row[f"{side}_file"], "line": place + 1, "failed": failed,
                    "slow": bool(bad and not failed), "bad": bad, "strained": bad,
                }
            )  # fmt: skip
    rows += [row | {"line": number} for number, row in enumerate(probes, 2)]
    frame = _frame(rows, [*probe(0), "line"])
    return frame.assign(usual_s=0.02, limit_s=0.52, timed_out=False)


_EMPTY = {name: empty(name) for name in TABLES}
_NO_ROUTES = routes_of(_EMPTY["config_directives"])


def _log(joined, side, moment):
    """Return the log of a layer, of which detectors need no more than that it has rows."""
    seen = joined[joined[f"seen_{side}"]]
    names = {"file": f"{side}_file", "line": f"{side}_line", "path": "path", moment[0]: f"{side}_{moment[1]}"}
    frame = pd.DataFrame({name: seen[column] for name, column in names.items()})
    unknown = pd.Series(pd.NA, index=frame.index, dtype="string")
    return (
        frame.assign(host=unknown, origin_addr=unknown, upstream_response_time_s=seen["response_s"])
        if len(seen)
        else None
    )


def context(
    *requests, probes=(), routes=(HEALTH,), bounds=BOUNDS, upstreams=None, resolved=None, options=None,
    window=None, **tables,
):  # fmt: skip
    """Return the context of requests, probes and rows of tables; ``bounds`` is None without an incident."""
    joined = _joined(requests)
    logs = {
        "access_log": _log(joined, "nginx", ("time", "end")),
        "edge_log": _log(joined, "edge", ("start", "start")),
    }
    frames = _EMPTY | {name: frame for name, frame in logs.items() if frame is not None}
    if probes:
        logged = {"file": "probes.csv", "line": range(2, 2 + len(probes))}
        columns = {"time": "start", "path": "path", "vantage": "vantage"}
        columns = {name: [row[column] for row in probes] for name, column in columns.items()}
        frames["probes"] = pd.DataFrame(logged | columns)
    for name, rows in tables.items():
        frames[name] = conform(name, pd.DataFrame(rows)) if len(rows) else _EMPTY[name]
    rest = dict.fromkeys(("start", "end", "rejected", "truncated", "notes"))
    manifest = {name: {"rows": len(frame)} | rest for name, frame in frames.items() if len(frame)}
    joined["error_row"] = error_rows(joined, frames["error_log"])
    case = Case(Path(), {"name": "made-up", "inputs": [], "tables": manifest}, frames)
    inv = Investigation(case, "health", window, options or {})
    observed = _observed(requests, probes)
    incident = None
    if bounds is not None:
        begin, end = map(at, bounds)
        mine = observed[observed["start"].between(begin, end) & observed["route"].isin(list(routes))]
        outer = mine[~mine["vantage"].isin(["inside", "host"])]
        counts = {"count": float(outer["bad"].sum()), "base": float(len(outer))}
        incident = Incident(begin, end, "incident", routes=tuple(routes), **counts)
    for frame in (joined, observed):
        frame["during"] = False if bounds is None else frame["start"].between(at(bounds[0]), at(bounds[1]))
    known = dict.fromkeys((HEALTH, JOBS), USUAL) if upstreams is None else upstreams
    nginx, edge = routes_of(frames["config_directives"]) if "config_directives" in tables else _NO_ROUTES
    found = HealthContext(
        inv, joined, observed, incident, known, resolved or {}, nginx, edge, tuple(routes) if bounds else (),
        observed[:0], pd.Series(False, index=observed.index), observed[:0],
    )  # fmt: skip
    inv._memory[health_context] = found
    return found


def seen(detector, found):
    """Return the observations of a detector by signal, each of which is checked, with their queries' rows."""
    by_signal = {}
    for one in detector(found):
        check_observation(one)
        assert one.signal not in by_signal
        by_signal[one.signal] = one
    return by_signal


def samples(metric, values, first=0.0, step=1.0, service=""):
    """Rows of ``host_metrics``: values of a metric from a second on."""
    return [
        {
            "file": "m.csv",
            "service": service,
            "metric": metric,
            "time": at(first + step * place),
            "value": value,
        }
        for place, value in enumerate(values)
    ]
