"""Several servers behind one location: what failed at which of them, from logs that name each try."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

import watchme_analysis as w

CONF = """events {}
http {
  log_format tries '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time '
                   '"$upstream_addr" "$upstream_status" "$upstream_connect_time" "$upstream_response_time"';
  access_log /var/log/nginx/access.log tries;
  upstream shop { SERVERS }
  server { listen 80; location / { proxy_pass http://shop; } }
}
"""
BEGIN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
ROUTES = ("/health", "/v1/carts", "/v1/items")
REFUSED = "connect() failed (111: Connection refused) while connecting to upstream"
TIMED_OUT = "upstream timed out (110: Connection timed out) while connecting to upstream"
GOOD = ("200", "0.001", "0.012")


def diagnosed(folder, servers, tries, lasts=900):
    """Return the diagnosis of a log with a request a second.

    Parameters
    ----------
    servers
        Addresses of the upstream block.
    tries
        Function of a request's number: the status that was sent, and for each try of it the server, its
        status, its connect time, its time, and the message of the error log or None.
    """
    rows, errors = [], []
    for number, path in zip(range(lasts), itertools.cycle(ROUTES), strict=False):
        status, made = tries(number)
        took = sum(float(time) for *_, time, _ in made)
        end = BEGIN + timedelta(seconds=number + took)
        columns = zip(*(one[:4] for one in made), strict=True)
        asked, gave, connect, response = map(", ".join, columns)
        request, upstreams = f'"GET {path} HTTP/1.1"', f'"{asked}" "{gave}" "{connect}" "{response}"'
        moment = f"{end:%Y-%m-%dT%H:%M:%S+00:00}"
        rows.append((end, f"192.0.2.200 [{moment}] {request} {status} 157 {took:.3f} {upstreams}"))
        errors += [
            f"{end:%Y/%m/%d %H:%M:%S} [error] 7#7: *{number} {message}, client: 192.0.2.200, server: shop, "
            f'request: {request}, upstream: "http://{address}{path}", host: "shop.example.com"'
            for address, *_, message in made
            if message
        ]
    folder.mkdir(exist_ok=True)
    servers = " ".join(f"server {one};" for one in servers)
    (folder / "nginx.conf").write_text(CONF.replace("SERVERS", servers))
    (folder / "access.log").write_text("\n".join(line for _, line in sorted(rows)) + "\n")
    (folder / "error.log").write_text("\n".join(sorted(errors)) + "\n")
    return w.diagnose("health", w.open_case(str(folder))).to_dict()


def signals(found):
    return {item["signal"] for entry in found["ranking"] for item in entry["evidence"]}


def statements(found):
    return [item["statement"] for entry in found["ranking"] for item in entry["evidence"]]


@pytest.mark.slow
@pytest.mark.parametrize("tried", [1, 3])
def test_replicas_that_refuse_at_once_are_stopped_processes(tmp_path, tried):
    """From a deployment on no replica listens any more, whether a request tries one of them or all."""
    servers = [f"192.0.2.{last}:8000" for last in (31, 32, 33)]

    def tries(number):
        if number < 600:
            return 200, [(servers[number % 3], *GOOD, None)]
        return 502, [(servers[(number + at) % 3], "502", "-", "0.000", REFUSED) for at in range(tried)]

    found = diagnosed(tmp_path, servers, tries)
    assert (found["verdict"], found["cause"]) == ("supported", "app_down")


@pytest.mark.slow
@pytest.mark.parametrize("from_the_start", [True, False])
def test_a_replica_whose_connections_time_out_is_no_dead_server(tmp_path, from_the_start):
    """A firewall drops what Nginx sends to one of two servers; after its time limit Nginx asks the other."""
    cut, other = "192.0.2.41:8000", "192.0.2.42:8000"

    def tries(number):
        is_cut = from_the_start or number >= 300
        # One of the paths mostly meets the other server.
        chosen = number % 2 or number % 3 == 1
        if chosen or not is_cut:
            return 200, [((cut, other)[chosen], *GOOD, None)]
        return 200, [(cut, "504", "-", "3.000", TIMED_OUT), (other, *GOOD, None)]

    found = diagnosed(tmp_path, [cut, other], tries)
    assert found["cause"] in (None, "docker_network")
    network, nginx = (
        next(one["probability"] for one in found["ranking"] if one["cause"] == cause)
        for cause in ("docker_network", "nginx_config")
    )
    assert network > nginx
    # What the other server did is not said of the one that was cut off, nor that both were bad.
    assert not {"routed_well", "dead_server"} & signals(found), statements(found)
