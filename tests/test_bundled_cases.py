"""The bundled cases, from raw files to a verdict, as a newcomer meets them."""

import gzip
import json
import shlex
from pathlib import Path

import pytest

from watchme_analysis.cli import cli
from watchme_analysis.inference.causes import causes
from watchme_analysis.text.render import render

pytestmark = pytest.mark.slow

DATA = Path(__file__).resolve().parent.parent / "data"
ALL = sorted(path.name for name in ("health", "backlog") for path in DATA.glob(f"{name}-*"))


@pytest.mark.parametrize("name", ALL)
def test_every_file_is_taken_and_every_line_read(bundled, name):
    inputs = bundled(name).manifest["inputs"]
    left = sorted(entry["file"] for entry in inputs if not entry["source"])
    assert left == ["README.md"]
    needed = {"health": {"probes", "access_log"}, "backlog": {"metrics", "queues"}}
    assert bundled(name).coverage().keys() >= needed[name.partition("-")[0]]
    assert sum(table["rejected"] for table in bundled(name).manifest["tables"].values()) == 0
    assert [entry["file"] for entry in inputs if entry["source"] and entry["reason"]] == []
    assert bundled(name).manifest["tables"].get("rejected_lines", {}).get("rows", 0) == 0


@pytest.mark.parametrize(
    ("name", "cause", "dead"),
    [
        ("health-threadpool", "app_threadpool", None),
        ("backlog-dlq", "consumer_failing", 991),
        ("backlog-49", "downstream_slow", 0),
    ],
)
def test_names_the_cause_of_an_incident(diagnosed, name, cause, dead):
    found = diagnosed(name).to_dict()
    assert found.get("dead_letters") == dead
    assert (found["verdict"], found["cause"]) == ("supported", cause)
    assert found["ranking"][0]["evidence"]
    assert found["incident"]["start"]


@pytest.mark.parametrize("name", ["health-healthy", "backlog-healthy"])
def test_finds_nothing_on_a_quiet_system(diagnosed, name):
    found = diagnosed(name).to_dict()
    assert found["verdict"] == "no_incident"
    assert json.dumps(found)


def test_counts_the_dead_letters_that_nobody_was_alerted_about(diagnosed):
    found = diagnosed("backlog-dlq").to_dict()
    with gzip.open(DATA / "backlog-dlq/queues/asr-queue-dlq-messages.json.gz") as file:
        messages = json.load(file)["Messages"]
    devices = {json.loads(message["Body"])["device_id"] for message in messages}
    assert found["dead_letters"] == len(messages) == 991
    assert {device for device, _ in found["dead_lettered_work"]} == devices
    assert found["change"]["event_name"].startswith("UpdateFunctionCode")


@pytest.mark.parametrize("name", ["health-threadpool", "health-healthy", "backlog-dlq", "backlog-49"])
def test_the_commands_that_collect_more_can_be_typed_as_they_stand(diagnosed, name):
    found = diagnosed(name).to_dict()
    lines = [line for item in found["missing_evidence"] for line in item["how"].splitlines()]
    typed = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("watchme ")]
    assert lines or name == "backlog-49"  # this case lacks nothing that AWS could still show
    for command, *words in typed:
        cli.get_command(None, command).make_context(command, words)


@pytest.mark.parametrize(("question", "name"), [("health", "health-threadpool"), ("backlog", "backlog-dlq")])
def test_what_a_hypothesis_can_never_see_stands_with_what_it_found(diagnosed, question, name):
    said = {entry.finding.cause: entry.finding.not_covered for entry in diagnosed(name).ranking}
    for entry in causes(question):
        assert entry.cannot_see, entry.cause
        reported = " ".join(map(render, said[entry.cause])).lower()
        assert all(render(text).lower() in reported for text in entry.cannot_see), entry.cause
