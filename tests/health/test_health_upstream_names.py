import json
from datetime import UTC, datetime, timedelta

import pytest

import watchme_analysis as w

CONFIG = """
http { server {
  location /one/ { proxy_pass http://one:8000/; }
  location /two/ { proxy_pass http://two:8000/; }
  location /lo/ { proxy_pass http://127.0.0.1:9000/; }
} }
"""


BEGIN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
ASKED = "192.0.2.11:8000"


def diagnosed(folder, runs_at, refusal):
    """Return the diagnosis of connections that fail from 600 s on, and of a container at an address."""
    access, errors = [], []
    for second in range(900):
        at, path = BEGIN + timedelta(seconds=second), ("/one/health", "/one/jobs")[second % 2]
        code, times = (200, '"0.001" "0.030"') if second < 600 else (502, '"-" "3.060"')
        request = f'"GET {path} HTTP/1.1"'
        access.append(f'192.0.2.7 [{at:%Y-%m-%dT%H:%M:%S+00:00}] {request} {code} 157 0.03 "{ASKED}" {times}')
        if code == 502:
            errors.append(
                f"{at:%Y/%m/%d %H:%M:%S} [error] 8#8: *{second} connect() failed ({refusal}) while "
                f"connecting to upstream, client: 192.0.2.7, server: , request: {request}, "
                f'upstream: "http://{ASKED}{path}", host: "shop.example.com"'
            )
    state = {"Status": "running", "OOMKilled": False, "StartedAt": "2026-11-24T06:09:58Z"}
    labels, networks = {"com.docker.compose.service": "one"}, {"shop": {"IPAddress": runs_at}}
    container = {"Name": "/shop-one-1", "State": state, "Config": {"Labels": labels}}
    container["NetworkSettings"] = {"Networks": networks}
    log_format = (
        'log_format timed \'$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time '
        '"$upstream_addr" "$upstream_connect_time" "$upstream_response_time"\'; access_log access.log timed;'
    )
    (folder / "nginx.conf").write_text(CONFIG.replace("http {", f"http {{ {log_format}"))
    (folder / "docker-inspect.json").write_text(json.dumps([container]))
    (folder / "access.log").write_text("\n".join(access) + "\n")
    (folder / "error.log").write_text("\n".join(errors) + "\n")
    return w.diagnose("health", w.open_case(str(folder))).to_dict()


@pytest.mark.slow
@pytest.mark.parametrize("refusal", ["113: No route to host", "111: Connection refused"])
def test_a_container_at_another_address_than_nginx_asks_is_a_stale_name(tmp_path, refusal):
    assert diagnosed(tmp_path, "192.0.2.14", refusal)["cause"] == "nginx_config"


@pytest.mark.slow
@pytest.mark.parametrize("runs_at", ["192.0.2.11", "198.51.100.14"])
def test_a_container_that_is_asked_or_of_another_network_is_no_stale_name(tmp_path, runs_at):
    assert diagnosed(tmp_path, runs_at, "113: No route to host")["cause"] != "nginx_config"
