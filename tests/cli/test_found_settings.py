"""A watchme.toml from queues, functions, nginx.conf and compose files, with sources and notes."""

import os
import tomllib

import pytest

from watchme_analysis.cli.config import config_group
from watchme_analysis.cli.found_settings import find_in_files, toml_text
from watchme_analysis.cloudwatch.account_systems import FoundValue, Proposal
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError

NGINX = """events {}
http {
  upstream api { server 192.0.2.5:8017; }
  server {
    listen 80; server_name api.example.com;
    location /orders/ { proxy_pass http://192.0.2.6:9000; }
    location = /api/healthz { proxy_pass http://api/healthz; }
  }
}
"""
COMPOSE = """services:
  api:
    image: api
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/ready"]}
  other: {image: db}
"""


def test_files_state_health_and_port_of_the_only_system(tmp_path):
    (tmp_path / "nginx.conf").write_text(NGINX)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    found = Proposal(systems={"orders": {"queue": FoundValue("orders", "sqs:ListQueues")}})
    find_in_files([tmp_path / "compose.yaml", tmp_path / "nginx.conf"], found)
    # The path that clients use, and the port of the upstream that serves it.
    assert found.systems["orders"]["health"] == ("/api/healthz", "nginx.conf:7")
    assert found.systems["orders"]["port"] == (8017, "nginx.conf:7")
    alone = Proposal()
    find_in_files([tmp_path / "compose.yaml"], alone)
    stated = {key: each.value for key, each in alone.systems["api"].items()}
    assert stated == {"health": "/ready", "port": 8000}


@pytest.mark.parametrize(("name", "said"), [("nginx.conf", "no server"), ("compose.yaml", "no services")])
def test_a_file_of_something_else_is_an_error(tmp_path, name, said):
    (tmp_path / name).write_text("a: 1\n" if name.endswith("yaml") else "user www;\n")
    with pytest.raises(InputError, match=said):
        find_in_files([tmp_path / name], Proposal())


def test_the_command_works_without_aws_and_never_overwrites(tmp_path, monkeypatch, watchme):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nginx.conf").write_text(NGINX)
    assert watchme("config", "init", "nginx.conf", "--no-aws").returncode == 0
    system = load_config(tmp_path, {"XDG_DATA_HOME": os.environ["XDG_DATA_HOME"]}).systems["api-example-com"]
    assert (system.health, system.port) == ("/api/healthz", 8017)
    before = (tmp_path / "watchme.toml").read_bytes()
    again = watchme("config", "init", "nginx.conf", "--no-aws")
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert (tmp_path / "watchme.toml").read_bytes() == before
    assert watchme("config", "init", "nginx.conf", "--no-aws", "--force").returncode == 0
    assert watchme("config", "init", "--no-aws", "--to", "other.toml").returncode == 2
    assert config_group.commands.keys() == {"init", "show", "check", "trust"}


def test_a_found_system_is_valid_and_keeps_its_sources_in_one_line():
    systems = {"orders": {"queue": FoundValue("\N{LATIN SMALL LETTER E WITH ACUTE}", "s")}}
    text = toml_text(Proposal({"region": FoundValue("eu-west-1", "a\nb")}, systems))
    assert 'region = "eu-west-1"  # a?b\n' in text
    assert tomllib.loads(text)["systems"]["orders"] == {"queue": "\N{LATIN SMALL LETTER E WITH ACUTE}"}
