"""A folder of evidence about one service behind Nginx, with what its orchestrator tells beside the logs."""

import json
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
FAULT = (120, 165)  # seconds after START
LENGTH = 240
POD, ADDRESS = "api-5d4f7c9b8-x2x7k", "192.0.2.40"
UPSTREAM = f"{ADDRESS}:8000"
CONFIGURATION = """events {}
http {
  log_format timed '$remote_addr - [$time_iso8601] $msec $request_id "$request" $status $body_bytes_sent '
    'rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time '
    'ua=$upstream_addr us=$upstream_status';
  access_log access.log timed;
  server { listen 80; server_name api.example.com; location / { proxy_pass http://UPSTREAM; } }
}
"""


def at(second):
    return START + timedelta(seconds=second)


def stamp(second):
    return at(second).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_fault(second):
    return FAULT[0] <= second < FAULT[1]


def well(second):
    return 0.02, 200, None


def refused(second):
    """While the fault lasts, no process listens."""
    return (0.0, 502, "111: Connection refused") if in_fault(second) else well(second)


def hanging(second):
    """While the fault lasts, connections are accepted and nothing is answered within five seconds."""
    return (5.0, 504, "110: Connection timed out") if in_fault(second) else well(second)


def logs(fate, upstream=UPSTREAM, usual=None):
    """Return Nginx's configuration and logs; ``fate(second)`` says how a request of that second fares.

    Parameters
    ----------
    fate
        Returns the seconds of the upstream's response, the status and the error, or None without one.
    upstream
        Address that Nginx asks.
    usual
        Seconds that ``/health`` takes when all is well, where it is not as quick as the rest.
    """
    access, errors = [], []
    for number in range(LENGTH * 2):
        second, path = number / 2, ("/health", "/items", "/orders")[number % 3]
        took_s, status, error = fate(second)
        if usual is not None and status == 200 and path == "/health":
            took_s = usual + 0.02 * (number % 5)
        end = at(second) + timedelta(seconds=took_s)
        header = "-" if error else f"{took_s:.3f}"
        connect = "-" if error and "refused" in error else "0.000"
        access.append(
            f"192.0.2.7 - [{end.strftime('%Y-%m-%dT%H:%M:%S+00:00')}] {end.timestamp():.3f} {number:032x} "
            f'"GET {path} HTTP/1.1" {status} 12 rt={took_s:.3f} uct={connect} uht={header} urt={took_s:.3f} '
            f"ua={upstream} us={status}"
        )
        if error:
            did = "connect() failed" if "refused" in error else "upstream timed out"
            doing = (
                "connecting to upstream" if "refused" in error else "reading response header from upstream"
            )
            errors.append(
                f"{end.strftime('%Y/%m/%d %H:%M:%S')} [error] 7#7: *{number} {did} ({error}) while {doing}, "
                f'client: 192.0.2.7, server: api.example.com, request: "GET {path} HTTP/1.1", '
                f'upstream: "http://{upstream}{path}", host: "api.example.com"'
            )
    return {
        "nginx.conf": CONFIGURATION.replace("UPSTREAM", upstream),
        "access.log": "\n".join(access) + "\n",
        "error.log": "\n".join(errors) + "\n" if errors else "",
    }


def event(reason, message, first, last, count, name=POD):
    """Return an event of Kubernetes about a pod."""
    return {
        "kind": "Event", "type": "Warning", "reason": reason, "message": message, "count": count,
        "firstTimestamp": stamp(first), "lastTimestamp": stamp(last),
        "involvedObject": {"kind": "Pod", "name": name},
    }  # fmt: skip


def pod(name=POD, address=ADDRESS, ended=None, restarts=0, **container):
    """Return a pod of Kubernetes whose container ended before, if that is stated."""
    status = {"name": "web", "restartCount": restarts, "state": {"running": {"startedAt": stamp(FAULT[1])}}}
    if ended:
        status["lastState"] = {"terminated": ended}
    return {
        "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "web", **container}]},
        "status": {"podIP": address, "containerStatuses": [status]},
    }  # fmt: skip


def listed(*items):
    """Return objects as ``kubectl get -o json`` prints them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
