"""A server of a number of workers behind Nginx, as the logs of both and its start command show it.

Requests wait in one queue, first come first served, until a worker is free. The texts of the servers' logs
follow their sources: gunicorn's arbiter.py, uWSGI's core/uwsgi.c and core/master.c, Puma's launcher.
"""

import heapq
import random
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
FAULT = range(600, 760)
LENGTH = 900
SLOW = "/v1/report"
ROUTES = ("/health", "/v1/items", "/v1/carts", SLOW)
ADDRESS = "192.0.2.61:8000"
PATIENCE_S = 30.0
WORKERS = 4
CONF = f"""events {{}}
http {{
  log_format timed '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time '
                   '"$upstream_addr" "$upstream_connect_time" "$upstream_header_time" '
                   '"$upstream_response_time"';
  access_log /var/log/nginx/access.log timed;
  upstream shop {{ server {ADDRESS}; }}
  server {{ listen 80; proxy_read_timeout 30s; location / {{ proxy_pass http://shop; }} }}
}}
"""


def usual_s(path, second):
    return 0.25 if path == SLOW else 0.05


def held_by_one_handler(path, second):
    """During the fault one handler waits for seconds."""
    return 12.0 if path == SLOW and second in FAULT else usual_s(path, second)


def without_cpu(path, second):
    """From the fault on every handler takes many times as long."""
    return usual_s(path, second) * (30 if second >= FAULT.start else 1)


def gunicorn_log(worker="sync", workers=WORKERS):
    at = f"[{BEGIN - timedelta(minutes=1):%Y-%m-%d %H:%M:%S} +0000]"
    said = ["[1] [INFO] Starting gunicorn 23.0.0", f"[1] [INFO] Using worker: {worker}"]
    said += [f"[{7 + number}] [INFO] Booting worker with pid: {7 + number}" for number in range(workers)]
    return "\n".join(f"{at} {text}" for text in said) + "\n"


def uwsgi_log(workers=WORKERS):
    spawned = [f"spawned uWSGI worker {at + 1} (pid: {7 + at}, cores: 1)" for at in range(workers)]
    said = ["*** Operational MODE: preforking ***", "spawned uWSGI master process (pid: 1)", *spawned]
    return "\n".join(said) + "\n"


def puma_log(workers=2, threads=2):
    said = ("Puma starting in cluster mode...", f"* Max threads: {threads}", f"*     Workers: {workers}")
    return "\n".join(f"[1] {text}" for text in said) + "\n"


def write_case(folder, files, lasts_s=held_by_one_handler, *, workers=WORKERS, per_s=2.0, surge_per_s=None):
    """Write the logs of Nginx, its configuration, and further files by name, into a folder.

    Parameters
    ----------
    lasts_s
        Function of path and second: how long a worker takes for a request.
    workers
        Requests that the server serves at once.
    per_s, surge_per_s
        Requests a second, and during the fault.
    """
    drawn, access, errors = random.Random(5), [], []
    free = [0.0] * workers
    at, number = drawn.expovariate(per_s), 0
    while at < LENGTH:
        path, number = drawn.choice(ROUTES), number + 1
        begun = max(at, heapq.heappop(free))
        ended = begun + lasts_s(path, int(at)) * drawn.uniform(0.8, 1.2)
        heapq.heappush(free, ended)
        is_late = ended - at > PATIENCE_S
        took = PATIENCE_S if is_late else ended - at
        moment = BEGIN + timedelta(seconds=at + took)
        header, status = ("-", 504) if is_late else (f"{took:.3f}", 200)
        request = f'"GET {path} HTTP/1.1"'
        times = f'"{ADDRESS}" "0.001" "{header}" "{took:.3f}"'
        access.append(
            (
                moment,
                f"192.0.2.7 [{moment:%Y-%m-%dT%H:%M:%S+00:00}] {request} {status} 157 {took:.3f} {times}",
            )
        )
        if is_late:
            errors.append(
                f"{moment:%Y/%m/%d %H:%M:%S} [error] 8#8: *{number} upstream timed out (110: Connection "
                f"timed out) while reading response header from upstream, client: 192.0.2.7, server: shop, "
                f'request: {request}, upstream: "http://{ADDRESS}{path}", host: "shop.example.com"'
            )
        at += drawn.expovariate(surge_per_s if surge_per_s and int(at) in FAULT else per_s)
    (folder / "access.log").write_text("\n".join(line for _, line in sorted(access)) + "\n")
    (folder / "error.log").write_text("\n".join(sorted(errors)) + "\n")
    (folder / "nginx.conf").write_text(CONF)
    for name, text in files.items():
        (folder / name).write_text(text)


def full_cpu():
    """Return metrics of a process that uses four cores from the fault on."""
    rows = [
        f"{(BEGIN + timedelta(seconds=second)).isoformat()},{400 if second >= FAULT.start else 12},4"
        for second in range(0, LENGTH, 5)
    ]
    return "\n".join(("timestamp,cpu_pct,threads", *rows)) + "\n"
