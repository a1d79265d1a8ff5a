"""A compose file and its override are read as the one that Docker makes of them."""

import pandas as pd
import pytest

from watchme_analysis.evidence.compose import compose_services, in_order, read_compose
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


@pytest.mark.parametrize("second", ["compose_override", "compose_prod"])
def test_an_override_goes_over_the_file_beside_it(tmp_path, second):
    api, cache = services(tmp_path, **{second: OVER, "compose": BASE})
    assert (api.name, cache.name, api.file) == ("api", "cache", "compose.yml")
    assert (api.cpus, api.memory_bytes, api.command) == (0.5, 2 * 2**30, "uvicorn main:app")
    assert api.ports == (("0.0.0.0", "8017", "8017"), ("0.0.0.0", "9017", "8017"))
    assert api.environment == {"POOL": "4", "MODE": "slow"}
    assert (api.health.test, api.health.interval_s) == ("curl localhost/ready", 30)


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
                ("docker-compose.yml",),
                ("compose.yml", "compose.override.yml"),
                ("compose.dev.yml",),
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
