"""A compose file and its override are read as the one that Docker makes of them."""

import pandas as pd
import pytest

from watchme_analysis.evidence.compose import compose_services, in_order, parse_compose_commands, read_compose
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


def test_another_file_is_merged_only_if_a_command_lists_it(tmp_path):
    names = ["api", "api", "cache"]
    assert [one.name for one in services(tmp_path, compose=BASE, compose_prod=OVER)] == names
    script = "cd /srv\ndocker compose -f compose.yml \\\n  --file=compose.prod.yml -p x up -d\n"
    commands, retrieval = parse_compose_commands(script + "docker compose -f else.yml down\n", "run.sh")
    assert retrieval.rows == len(commands) == 2
    frames = [read_compose(RawFile(tmp_path, name))[0] for name in ("compose.prod.yml", "compose.yml")]
    api, cache = compose_services(pd.concat([*frames, commands], ignore_index=True))
    assert (api.cpus, api.file, cache.file) == (0.5, "compose.yml", "compose.prod.yml")


@pytest.mark.parametrize(
    ("text", "started", "dockerfile", "context"),
    [
        ("image: x", "", "", ""),
        ("build: .", "", "svc/Dockerfile", "svc"),
        ("build: {context: ../api, dockerfile: Dockerfile.prod}", "", "api/Dockerfile.prod", "api"),
        ("command: uvicorn a:b", "uvicorn a:b", "", ""),
        ("command: [sh, -c, 'a && uvicorn a:b']", '["sh", "-c", "a && uvicorn a:b"]', "", ""),
        (
            "{entrypoint: [tini, --], command: [python, main.py]}",
            '["tini", "--", "python", "main.py"]',
            "",
            "",
        ),
    ],
)
def test_what_a_service_is_built_from_and_starts(tmp_path, text, started, dockerfile, context):
    (tmp_path / "svc").mkdir()
    between = " " if text.startswith("{") else "\n    "
    (tmp_path / "svc/compose.yml").write_text(f"services:\n  api:{between}{text}\n")
    (api,) = compose_services(read_compose(RawFile(tmp_path, "svc/compose.yml"))[0])
    assert (api.started, api.dockerfile, api.build_context) == (started, dockerfile, context)


@pytest.mark.parametrize(
    ("files", "together"),
    [
        (["a/compose.yml", "b/compose.yml"], [("a/compose.yml",), ("b/compose.yml",)]),
        (["compose-api.yml", "compose-jobs.yaml"], [("compose-api.yml",), ("compose-jobs.yaml",)]),
        # Of several variants nobody knows which one is in force.
        (
            [
                "compose.dev.yml",
                "docker-compose.yml",
                "compose.yml",
                "compose.prod.yml",
                "compose.override.yml",
            ],
            [
                ("compose.dev.yml",),
                ("docker-compose.yml",),
                ("compose.yml", "compose.override.yml"),
                ("compose.prod.yml",),
            ],
        ),
    ],
)
def test_files_that_only_look_alike_stay_apart(files, together):
    assert in_order(files) == together


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
