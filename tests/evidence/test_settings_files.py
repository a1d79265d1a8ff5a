import json

import pytest

from watchme_analysis.errors import FormatError
from watchme_analysis.evidence.compose import read_compose
from watchme_analysis.evidence.edge_settings import looks_like, read_edge_settings
from watchme_analysis.files.evidence_file import RawFile

COMPOSE = """\
x-common: &common
  restart: always
services:
  behavior:
    <<: *common
    mem_limit: 2g
    cpus: 1.0
    ports: !override ["127.0.0.1:8017:8017"]
    environment:
      - SERVICE_NAME=behavior
      - FROM_HOST
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8017/health"]
      interval: 30s
networks:
  watchme-network: {}
"""


def compose(folder, text):
    (folder / "compose.yml").write_text(text)
    return read_compose(RawFile(folder, "compose.yml"))


def settings(frame, service="behavior"):
    rows = frame[frame["service"] == service]
    return {row.path: json.loads(row.value) for row in rows.itertuples()}


def test_a_compose_file_gives_one_row_per_setting(tmp_path):
    frame, retrieval = compose(tmp_path, COMPOSE)
    assert settings(frame) == {
        "restart": "always",
        "mem_limit": "2g",
        "cpus": 1.0,
        "ports.!anew": True,
        "ports.0": "127.0.0.1:8017:8017",
        "environment.SERVICE_NAME": "behavior",
        "environment.FROM_HOST": None,
        "healthcheck.test.0": "CMD",
        "healthcheck.test.1": "curl",
        "healthcheck.test.2": "-f",
        "healthcheck.test.3": "http://localhost:8017/health",
        "healthcheck.interval": "30s",
    }
    assert list(frame.loc[frame["service"].isna(), "path"]) == [
        "x-common.restart",
        "networks.watchme-network",
    ]
    assert retrieval.rows == len(frame)


def test_secrets_of_the_environment_are_masked(tmp_path):
    text = (
        "services:\n  behavior:\n    environment:\n      DB_PASSWORD: hunter2\n      SERVICE_NAME: behavior\n"
    )
    frame, retrieval = compose(tmp_path, text)
    assert settings(frame) == {"environment.DB_PASSWORD": "***", "environment.SERVICE_NAME": "behavior"}
    assert "(1)" in retrieval.notes[0]


def test_yaml_that_breaks_keeps_what_stands_before(tmp_path):
    frame, retrieval = compose(
        tmp_path, "services:\n  behavior:\n    cpus: 1.0\n    image: [a\n    mem_limit: 2g\n"
    )
    assert settings(frame) == {"cpus": 1.0}
    assert retrieval.truncated
    assert retrieval.rejected[0].line == 4
    assert retrieval.rejected[0].text.startswith("    image: [a")


def test_edge_settings_are_flattened_and_a_torn_export_keeps_its_whole_part(tmp_path):
    text = '{"rules": [{"action": "bypass", "paths": []}, {"action": "cache"}], "proxied": true, "plan": "pr'
    (tmp_path / "edge-settings.json").write_text(text)
    frame, retrieval = read_edge_settings(RawFile(tmp_path, "edge-settings.json"))
    assert dict(zip(frame["path"], frame["value"], strict=True)) == {
        "rules.0.action": '"bypass"',
        "rules.0.paths": "[]",
        "rules.1.action": '"cache"',
        "proxied": "true",
    }
    assert retrieval.truncated
    assert len(retrieval.rejected) == 1


@pytest.mark.parametrize(
    ("result", "known"),
    [
        ({"phase": "http_request_origin", "kind": "zone", "rules": []}, True),
        ([{"id": "p", "targets": [], "actions": [], "status": "active"}], True),
        ([{"id": "ssl", "value": "full", "modified_on": None, "editable": True}], True),
        ([{"id": "someone", "value": "else"}], False),
        ("done", False),
    ],
)
def test_an_export_of_the_edge_is_known_by_what_it_holds(tmp_path, result, known):
    (tmp_path / "export-3.json").write_text(json.dumps({"result": result, "success": True}))
    raw = RawFile(tmp_path, "export-3.json")
    assert looks_like(raw) is known


@pytest.mark.parametrize(
    ("message", "reasons"),
    [
        ("Authentication error", ["the edge refused the export: Authentication error"]),
        ("could not find entrypoint ruleset in the http_request_origin phase", []),
    ],
)
def test_an_answer_that_holds_no_settings_is_none_and_a_refusal_is_said(tmp_path, message, reasons):
    answer = {"success": False, "errors": [{"code": 10000, "message": message}], "result": None}
    (tmp_path / "edge-settings.json").write_text(json.dumps(answer))
    frame, retrieval = read_edge_settings(RawFile(tmp_path, "edge-settings.json"))
    assert frame.empty
    assert [one.reason for one in retrieval.rejected] == reasons


def test_counts_of_requests_are_left_with_the_reason(tmp_path):
    (tmp_path / "graphql.json").write_text('{"data": {"viewer": {"zones": []}}, "errors": null}')
    raw = RawFile(tmp_path, "graphql.json")
    assert looks_like(raw)
    with pytest.raises(FormatError, match="http_requests"):
        read_edge_settings(raw)
