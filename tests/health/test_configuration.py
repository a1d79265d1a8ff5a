import pytest

from watchme_analysis.evidence.compose import compose_services, read_compose
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.health.configuration import settings_by_path
from watchme_analysis.health.sections.configuration import (
    settings_table,
    unhealthy_after,
)
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.text.render import render

COMPOSE = """\
services:
  behavior:
    image: example
    command: ["uvicorn", "main:app", "--host", "0.0.0.0"]
    mem_limit: 2g
    cpus: 1.0
    pids_limit: 256
    ulimits: {nofile: {soft: 4096, hard: 8192}}
    restart: always
    ports: ["127.0.0.1:8017:8017", "9000", "8080:80/tcp"]
    networks: [watchme-network]
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8017/health"]
      interval: 30s
      timeout: 10s
      retries: 3
      start_period: 1m
  emotion:
    deploy: {resources: {limits: {cpus: "0.5", memory: 512M}}}
    networks: {inner: {aliases: [ser]}}
    ports: [{target: 8018, published: "8018", host_ip: 127.0.0.1}]
    healthcheck: {test: curl -f http://localhost:8018/health}
  sidecar:
    network_mode: host
    healthcheck: {disable: true}
  plain: {}
"""


@pytest.fixture
def services(tmp_path):
    (tmp_path / "compose.yml").write_text(COMPOSE)
    frame, _ = read_compose(RawFile(tmp_path, "compose.yml"))
    return {service.name: service for service in compose_services(frame)}


def test_network_ports_and_limits_are_read_in_short_and_long_form(services):
    behavior, emotion, sidecar = (services[name] for name in ("behavior", "emotion", "sidecar"))
    assert behavior.networks == ("watchme-network",)
    assert behavior.ports == (
        ("127.0.0.1", "8017", "8017"),
        ("0.0.0.0", "", "9000"),
        ("0.0.0.0", "8080", "80"),
    )
    assert (behavior.cpus, behavior.memory_bytes, behavior.processes, behavior.open_files) == (
        1.0, 2 * 2**30, 256, 4096,
    )  # fmt: skip
    assert behavior.command == "uvicorn main:app --host 0.0.0.0"
    assert emotion.networks == ("inner",)
    assert emotion.ports == (("127.0.0.1", "8018", "8018"),)
    assert (emotion.cpus, emotion.memory_bytes) == (0.5, 512 * 2**20)
    assert (sidecar.network_mode, sidecar.restart) == ("host", "no")


def test_failed_or_hanging_checks_in_a_row_make_a_container_unhealthy(services):
    check = services["behavior"].health
    # Refused at once: now, 30 s and 60 s later. Hanging: 30 s of waiting and 10 s of hanging, three times.
    assert (check.soonest_s, check.latest_s) == (60.0, 120.0)
    assert render(unhealthy_after(check)) == "60 s to 2 min of failures"
    assert check.test == "curl -f http://localhost:8017/health"


def test_a_health_check_without_times_has_dockers_own(services):
    check = services["emotion"].health
    assert (check.interval_s, check.timeout_s, check.retries, check.start_period_s) == (30, 30, 3, 0)
    assert services["sidecar"].health is None
    assert services["sidecar"].health_disabled
    assert services.get("plain") is None or services["plain"].health is None


NGINX = """\
http {
    limit_conn_zone $binary_remote_addr zone=peer:1m;
    upstream app { server 192.0.2.11:8100; }
    server {
        listen 80;
        location /svc/ { proxy_pass http://app/; }
        location = /svc/health {
            proxy_pass http://192.0.2.99:9/health; limit_conn peer 1; proxy_read_timeout 5s;
        }
    }
}
"""


def test_settings_of_two_paths_stand_side_by_side_and_what_differs_is_marked(tmp_path):
    (tmp_path / "nginx.conf").write_text(NGINX)
    directives, _ = read_nginx_config(RawFile(tmp_path, "nginx.conf"))
    paths = ["/svc/health", "/svc/jobs"]
    frame = settings_by_path(directives, paths).set_index("setting")
    assert frame.loc["location", paths].tolist() == ["location = /svc/health", "location /svc/"]
    assert frame.loc["upstream address", paths].tolist() == ["192.0.2.99:9", "192.0.2.11:8100"]
    assert frame.loc["upstream path", paths].tolist() == ["/health", "/jobs"]
    assert frame.loc["limit_conn", "/svc/health"] == "1 connection at once for each $binary_remote_addr"
    assert frame["differs"].to_dict() == {
        "location": True, "upstream address": True, "upstream path": False, "limit_conn": True,
        "proxy_cache": False, "proxy_connect_timeout": False, "proxy_read_timeout": True,
    }  # fmt: skip
    shown = settings_table(settings_by_path(directives, paths), paths).to_text()
    assert "60s (Nginx's own)" in shown
    assert "nginx.conf:7, nginx.conf:6" in shown
