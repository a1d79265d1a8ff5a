"""The command ``watchme simulate``."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from worlds.shorter_case import MESSAGES

from watchme_analysis.cli.simulate import simulate
from watchme_analysis.errors import InputError


def run(*arguments):
    wide = CliRunner(env={"COLUMNS": "200"})
    return wide.invoke(simulate, [*arguments, "--processes", "1"], catch_exceptions=False)


@pytest.mark.slow
def test_the_bundled_load_is_compared_and_reserved_concurrency_warned_of():
    result = run("--replications", "2")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    head = next(place for place, line in enumerate(lines) if line.split()[:3] == ["measure", "in", "DLQ"])
    assert lines[head + 1].startswith("as configured")
    assert "recorded" not in result.output.split("never failed:")[0]
    paragraphs = [" ".join(text.split()) for text in result.output.split("\n\n")]
    warnings = [text for text in paragraphs if text.startswith("WARNING")]
    assert len(warnings) == 1, "what holds under the same assumption is said once"
    assert all("reserved 2" in line and "at once" in line for line in warnings)
    assert len(re.findall(r"“[^”]+” \([\d,]+ ± [\d.]+\)", warnings[0])) == 2, "a figure has its interval"
    assert paragraphs[1] == warnings[0], "what loses healthy messages comes before all figures"
    assert any("is the best measure" in line for line in lines[:head])
    assert "Configured: function timeout 30 s, visibility timeout 900 s" in result.output


@pytest.mark.slow
def test_a_case_is_fitted_and_its_record_shown(shorter):
    result = run(str(shorter.path), "--queue", "asr-queue", "--cores", "4", "--replications", "1", "--json")
    found = json.loads(result.output)
    assert found["scenarios"][0]["name"] == "as configured"
    # The case holds so many of the dead letters; tests/simulation compares the fit with a whole record.
    assert found["recorded"]["dead_lettered"] == MESSAGES < found["scenarios"][0]["dead_lettered"]["mean"]
    said = {
        message["id"]: note for message, note in zip(found["notes_messages"], found["notes"], strict=True)
    }
    assert {"fit-capacity", "simulated-settings"} <= said.keys()
    assert "asr-queue" in said["simulate-cores-ignored"]
    assert found["scenarios"][0]["measure_message"]["id"] == "measure-as-configured"


@pytest.mark.slow
def test_a_check_after_the_deployment_that_broke_it_is_said_to_spare_all(shorter):
    result = run(str(shorter.path), "--replications", "1")
    before = " ".join(result.output.split("never failed:")[0].split())
    assert "One test message after this change, and a rollback on its failure" in before


def test_an_unknown_queue_is_named_with_those_there_are(shorter):
    with pytest.raises(InputError, match="no queue nowhere: its queues are asr-queue"):
        run(str(shorter.path), "--queue", "nowhere")


@pytest.mark.slow
def test_a_case_without_queues_is_said_to_be_one(bundled):
    with pytest.raises(InputError, match=r"no queue, so there is nothing.*watchme case pull backlog"):
        run(str(bundled("health-healthy").path))


def test_a_queue_goes_with_a_case():
    result = run("--queue", "asr-queue")
    assert result.exit_code == 2
    assert "needs a CASE" in result.output


@pytest.mark.slow
def test_slots_and_seed_are_those_that_were_requested():
    words = ("--replications", "1", "--json")
    usual, wide, other = (
        json.loads(run(*words, *more).output)["scenarios"][0]
        for more in ((), ("--api-slots", "30"), ("--seed", "1"))
    )
    assert usual["dead_lettered"]["mean"] > wide["dead_lettered"]["mean"] == 0
    assert usual["peak_age_s"] != other["peak_age_s"]
    assert (
        "an API of 30 slots; 1 replication, seed 1"
        in run("--replications", "1", "--api-slots", "30", "--seed", "1").output
    )
