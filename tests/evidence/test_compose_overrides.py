"""A compose file and its override are read as the one that Docker makes of them."""

import pandas as pd
import pytest

from watchme_analysis.evidence.compose import (
    compose_services,
    parse_compose_commands,
    read_compose,
)
from watchme_analysis.files.evidence_file import RawFile

BASE = """\
services:
  api:
    cpus: 2.0
    mem_limit: 2g
    command: [uvicorn, "main:app", --workers, "4"]
    ports: ["8017:8017"]
    environment: {POOL: "10", MODE: slow}
    healthcheck: {test: [CMD, curl, -f, localhost/health], interval: 30s}
"""
OVER = """\
services:
  api:
    deploy: {resources: {limits: {cpus: "0.5"}}}
    command: uvicorn main:app
    ports: ["9017:8017"]
    environment: [POOL=4]
    healthcheck: {test: curl localhost/ready}
  cache: {image: redis}
"""


def services(folder, **texts):
    frames = []
    for stem, text in texts.items():
        name = stem.replace("_", ".") + ".yml"
        (folder / name).write_text(text)
        frames.append(read_compose(RawFile(folder, name))[0])
    return compose_services(pd.concat(frames, ignore_index=True))


def test_an_override_goes_over_the_file_beside_it(tmp_path):
    api, cache = services(tmp_path, compose_override=OVER, compose=BASE)
    assert (api.name, cache.name, api.file) == ("api", "cache", "compose.yml")
    assert (api.cpus, api.memory_bytes, api.command) == (0.5, 2 * 2**30, "uvicorn main:app")
    assert api.ports == (("0.0.0.0", "8017", "8017"), ("0.0.0.0", "9017", "8017"))
    assert api.environment == {"POOL": "4", "MODE": "slow"}
    assert (api.health.test, api.health.interval_s) == ("curl localhost/ready", 30)
    named = {name: api.file_of(name) for name in ("mem_limit", "command", "ports.0", "ports.1", "restart")}
    over = "compose.override.yml"
    assert named == {
        "mem_limit": "compose.yml", "command": over, "ports.0": "compose.yml", "ports.1": over,
        "restart": "compose.yml",
    }  # fmt: skip


def test_files_that_a_command_lists_are_one_project(tmp_path):
    names = ["api", "api", "cache"]
    assert [one.name for one in services(tmp_path, compose=BASE, compose_prod=OVER)] == names
    script = "cd /srv\ndocker compose -f compose.yml \\\n  --file=compose.prod.yml -p x up -d\n"
    commands, retrieval = parse_compose_commands(script + "docker compose -f else.yml down\n", "run.sh")
    assert retrieval.rows == len(commands) == 2
    frames = [read_compose(RawFile(tmp_path, name))[0] for name in ("compose.prod.yml", "compose.yml")]
    api, cache = compose_services(pd.concat([*frames, commands], ignore_index=True))
    assert (api.cpus, api.file, cache.file) == (0.5, "compose.yml", "compose.prod.yml")


def test_a_service_has_what_the_one_has_that_it_extends(tmp_path):
    text = """\
services:
  common:
    cpus: 0.5
    mem_limit: 1g
    networks: [inner]
    restart: always
    healthcheck: {test: curl localhost/health, interval: 90s}
  api:
    extends: common
    deploy: {resources: {limits: {cpus: "1.5"}}}
  worker: {extends: {service: api}, restart: "no"}
  round: {extends: round}
  far: {extends: {file: elsewhere.yml, service: base}, cpus: 3}
"""
    _, api, worker, around, far = services(tmp_path, compose=text)
    assert (api.cpus, api.memory_bytes, api.networks, api.restart) == (1.5, 2**30, ("inner",), "always")
    assert (api.health.test, api.health.interval_s) == ("curl localhost/health", 90)
    assert (worker.cpus, worker.networks, worker.restart) == (1.5, ("inner",), "no")
    assert (around.name, far.cpus) == ("round", 3)


# From https://docs.docker.com/reference/compose-file/merge/, and the lists that it says are appended.
DOCUMENTED = """\
services:
  foo:
    image: a
    build: .
    command: python app.py
    ports: ["8080:80", "9090:90"]
    expose: ["3000"]
    dns: [192.0.2.1]
    env_file: [a.env]
    environment: {FOO: "1", KEPT: "1"}
    labels: ["a=1"]
    volumes: ["./data:/work", "logs:/log"]
    networks: [inner]
    depends_on: [db]
    mem_limit: 1g
"""
LATER = """\
services:
  foo:
    build: {dockerfile: Dockerfile.prod}
    command: [gunicorn, app]
    ports: ["8443:443", "9090:90"]
    expose: ["4000", "5000"]
    dns: [192.0.2.2]
    env_file: [b.env]
    environment: [FOO=2, NEW=1]
    labels: {b: "2"}
    volumes: ["./work:/work:ro"]
    networks: {outer: {aliases: [x]}}
    depends_on: {cache: {condition: service_healthy}}
    mem_limit: 2g
"""


def test_overlays_are_merged_as_documented(tmp_path):
    base, foo = services(tmp_path, compose=DOCUMENTED, compose_prod=LATER)
    assert (base.memory_bytes, foo.memory_bytes) == (2**30, 2 * 2**30)
    assert (foo.build_context, foo.dockerfile, foo.command) == ("", "Dockerfile.prod", "gunicorn app")
    assert [outer for _, outer, _ in foo.ports] == ["8080", "9090", "8443"]
    assert foo.environment == {"FOO": "2", "KEPT": "1", "NEW": "1"}
    assert set(foo.networks) == {"inner", "outer"}
    stated = {
        path: "prod" if file == "compose.prod.yml" else "base"
        for path, file in foo.files.items()
        if path.split(".")[0] in ("expose", "dns", "env_file", "labels", "volumes", "depends_on", "image")
    }
    assert stated == {
        "image": "base", "expose.0": "base", "expose.1": "prod", "expose.2": "prod", "dns.0": "base",
        "dns.1": "prod", "env_file.0": "base", "env_file.1": "prod", "labels.a": "base", "labels.b": "prod",
        "volumes.0": "prod", "volumes.1": "base", "depends_on.db": "base",
        "depends_on.cache.condition": "prod",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("later", "ports", "environment", "memory"),
    [
        ("ports: !override ['1:1']", ["1"], {"FOO": "1", "KEPT": "1"}, 2**30),
        ("ports: !reset []", [], {"FOO": "1", "KEPT": "1"}, 2**30),
        ("environment: !override [A=1]", ["8080", "9090"], {"A": "1"}, 2**30),
        ("environment: !override {A: '1'}", ["8080", "9090"], {"A": "1"}, 2**30),
        ("environment: {FOO: !reset null}", ["8080", "9090"], {"KEPT": "1"}, 2**30),
        ("mem_limit: !reset null", ["8080", "9090"], {"FOO": "1", "KEPT": "1"}, None),
        ("ports: []", ["8080", "9090"], {"FOO": "1", "KEPT": "1"}, 2**30),
    ],
)
def test_tags_reset_and_override_replace_a_setting(tmp_path, later, ports, environment, memory):
    text = f"services:\n  foo:\n    {later}\n"
    (foo,) = services(tmp_path, compose=DOCUMENTED, compose_override=text)
    assert ([outer for _, outer, _ in foo.ports], foo.environment, foo.memory_bytes) == (
        ports, environment, memory,
    )  # fmt: skip
