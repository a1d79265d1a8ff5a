"""A small made-up system whose requests, probes and gauges follow a stated fault."""

import json
from functools import cache
from pathlib import Path

import pandas as pd

from watchme_analysis.case.case_folder import Case
from watchme_analysis.health.context import KEEP_SLOWDOWN
from watchme_analysis.health.context_builder import health_context
from watchme_analysis.health.detectors import DETECTORS, DETECTORS_WITHOUT_INCIDENT, SIGNALS
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import observe, signals_of
from watchme_analysis.schema import conform, empty
from worlds.statement_rows import check_observation

START = pd.Timestamp("2026-03-02T04:00:00Z")
FAULT = (30.0, 60.0)
LENGTH = 75.0
HEALTH, JOBS, REPORT, OTHER = "/svc/healthz", "/svc/jobs", "/svc/report", "/neighbour/healthz"
USUAL = "192.0.2.11:8100"
ADDRESS = {HEALTH: USUAL, JOBS: USUAL, REPORT: USUAL, OTHER: "192.0.2.12:8200"}
BYTES = {HEALTH: 60, JOBS: 40, REPORT: 9000, OTHER: 60}


class MadeUpCase(Case):
    """A case in memory, whose tables a test replaces in ``frames``."""

    def __init__(self, path, manifest, frames):
        super().__init__(path, manifest, frames)
        self.frames = frames


def answer(**changed):
    """What becomes of one request: all is well but for what is stated."""
    well = {
        "connect_s": 0.0, "header_s": 0.02, "body_s": 0.0, "own_s": 0.0, "status": 200, "upstream": True,
        "address": None, "edge_s": 0.01, "edge_status": None, "at_nginx": True, "inside_s": 0.01,
        "inside_status": 200, "inside_error": None, "error": None, "message": None,
    }  # fmt: skip
    return well | changed


@cache
def moment(second):
    return START + pd.Timedelta(seconds=second)


def in_fault(second):
    return FAULT[0] <= second < FAULT[1]


def case(fault, *, gauges=None, processes=(), nginx=(), edge=(), handlers=()):
    """Return a case in which ``fault(path, second)`` says what becomes of each request while it lasts."""
    access, edges, errors, probes, answers = [], [], [], [], []
    number = requested = 0
    second = 0.0
    while second < LENGTH:
        for path, every in ((HEALTH, 0.5), (JOBS, 0.5), (REPORT, 1.0), (OTHER, 1.0)):
            if (second / 0.25) % (every / 0.25):
                continue
            number += 1
            at = second + 0.01 * (number % 7)
            fate = answer() if not in_fault(at) else answer(**(fault(path, at) or {}))
            ray = f"{number:016x}"
            upstream = fate["connect_s"] + fate["header_s"] + fate["body_s"] if fate["upstream"] else 0.0
            spent = upstream + fate["own_s"]
            address = (fate["address"] or ADDRESS[path]) if fate["upstream"] else None
            lost = fate["status"] >= 500
            connected = address and fate["error"] != "upstream_timeout_connect"
            headed = address and not lost
            caller = f"192.0.2.{100 + number % 5}"
            if fate["at_nginx"]:
                access.append(
                    {
                        "file": "access.log", "line": number, "time": moment(at + spent), "edge_ray_id": ray,
                        "method": "GET", "path": path, "status": fate["status"], "body_bytes": BYTES[path],
                        "request_time_s": spent,
                        "upstream_connect_time_s": fate["connect_s"] if connected else None,
                        "upstream_header_time_s": fate["connect_s"] + fate["header_s"] if headed else None,
                        "upstream_response_time_s": upstream if address else None,
                        "upstream_addr": address, "upstream_status": fate["status"] if address else None,
                    }
                )  # fmt: skip
                if not lost and address:
                    answers.append((at + spent, address, path))
            if fate["error"]:
                errors.append(
                    {
                        "file": "error.log", "line": number, "time": moment(at + spent).floor("s"),
                        "level": "error", "kind": fate["error"], "path": path,
                        "message": fate["message"] or fate["error"], "upstream_addr": address,
                    }
                )  # fmt: skip
            total = spent + fate["edge_s"]
            status = fate["edge_status"] or fate["status"]
            edges.append(
                {
                    "file": "edge.jsonl", "line": number, "start": moment(at), "end": moment(at + total),
                    "ray_id": ray, "method": "GET", "path": path, "status": status, "client_addr": caller,
                    "duration_ms": total * 1000, "cache_status": "dynamic", "origin_addr": "192.0.2.1",
                    "origin_status": fate["status"] if fate["at_nginx"] else 0,
                    "origin_duration_ms": spent * 1000,
                }
            )  # fmt: skip
            requested += path == HEALTH
            if path == HEALTH and requested % 4 == 0:
                for vantage, took, code, failure in (
                    ("outside", total, status, None),
                    ("inside", fate["inside_s"], fate["inside_status"], fate["inside_error"]),
                ):
                    probes.append(
                        {
                            "file": "probes.csv", "line": len(probes) + 2, "time": moment(at),
                            "vantage": vantage, "path": path, "status": code, "duration_s": took,
                            "error": failure,
                        }
                    )  # fmt: skip
        second += 0.25
    frames = {
        "access_log": conform("access_log", pd.DataFrame(access)),
        "edge_log": conform("edge_log", pd.DataFrame(edges)),
        "probes": conform("probes", pd.DataFrame(probes)),
        "error_log": conform("error_log", pd.DataFrame(errors)) if errors else empty("error_log"),
        "app_log": _app_log(answers),
        "host_metrics": _metrics(gauges),
        "config_directives": directives(nginx, edge),
        "app_processes": conform("app_processes", pd.DataFrame(processes))
        if processes
        else empty("app_processes"),
        "app_handlers": conform("app_handlers", pd.DataFrame(handlers))
        if handlers
        else empty("app_handlers"),
    }
    tables = {
        name: {"rows": len(frame)} | dict.fromkeys(("start", "end", "rejected", "truncated", "notes"))
        for name, frame in frames.items()
    }
    return MadeUpCase(Path(), {"name": "made-up", "inputs": [], "tables": tables}, frames)


def _app_log(answers):
    rows = [
        {
            "file": "app.log", "line": line, "service": "", "time": moment(at), "level": "INFO",
            "kind": "access", "message": path, "method": "GET", "path": path, "status": 200,
        }
        for line, (at, address, path) in enumerate(sorted(answers), 1)
        if address == USUAL
    ]  # fmt: skip
    return conform("app_log", pd.DataFrame(rows))


def _metrics(gauges):
    rows = []
    for second in range(int(LENGTH)):
        values = {"cpu_pct": 5.0, "in_flight": 1.0, "threads": 6.0} | (
            (gauges or (lambda second: {}))(second) if in_fault(second) else {}
        )
        rows += [
            {"file": "metrics.csv", "service": "", "time": moment(second), "metric": name, "value": value}
            for name, value in values.items()
        ]
    return conform("host_metrics", pd.DataFrame(rows))


def directives(nginx, edge):
    rows = []
    for layer, locations in (("nginx", nginx), ("edge", edge)):
        if not locations:
            continue
        rows += [(layer, 0, None, "http", [], True), (layer, 1, 0, "server", [], True)]
        number = 2
        for args, settings in locations:
            place = number
            rows.append((layer, place, 1, "location", args.split(), True))
            number += 1
            for name, value in settings.items():
                rows.append((layer, number, place, name, value.split(), False))
                number += 1
    frame = pd.DataFrame(
        [
            {
                "file": f"{layer}.conf", "line": number + 1, "layer": layer, "id": number, "parent": parent,
                "directive": name, "args": json.dumps(args), "block": block,
            }
            for layer, number, parent, name, args, block in rows
        ]
    )  # fmt: skip
    return conform("config_directives", frame) if len(frame) else empty("config_directives")


def give(made, table, rows):
    """Put rows into a table of the case."""
    made.frames[table] = conform(table, pd.DataFrame(rows))
    made.manifest["tables"][table] = {"rows": len(rows)} | dict.fromkeys(
        ("start", "end", "rejected", "truncated", "notes")
    )


def investigate(made, **options):
    return Investigation(made, "health", options=options)


def context_of(made, **options):
    return investigate(made, **options).once(health_context)


class Signals:
    """The observations made in a system by signal, each detected when it is requested.

    Only the detectors that declare a signal run, which takes a fraction of what all take. Observations have
    the strength that they are detected with: none is weakened by another that explains it. A slowdown
    without harm has its signals too.
    """

    def __init__(self, made):
        self.found = context_of(made, **{KEEP_SLOWDOWN: "yes"})
        self.detectors = DETECTORS_WITHOUT_INCIDENT if self.found.incident is None else DETECTORS
        self.of = cache(lambda detector: observe((detector,), self.found))

    def get(self, signal):
        """Return the observation of a signal; None without one."""
        assert signal in SIGNALS
        mine = [one for one in self.detectors if signal in {declared.id for declared in signals_of(one)}]
        found = next((one for detector in mine for one in self.of(detector) if one.signal == signal), None)
        if found is not None:
            check_observation(found)
        return found

    def among(self, *signals):
        """Return which of some signals were observed."""
        return {signal for signal in signals if signal in self}

    def __contains__(self, signal):
        return self.get(signal) is not None

    def __getitem__(self, signal):
        found = self.get(signal)
        assert found is not None, f"{signal} is not among the observations"
        return found


def without(made, *tables):
    """The same case without some tables."""
    frames = {name: empty(name) if name in tables else made.table(name) for name in made.manifest["tables"]}
    return MadeUpCase(made.path, made.manifest, frames)
