"""The command ``watchme simulate``."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from worlds.printed import lines_of, one_line, said
from worlds.settings_file import write_settings
from worlds.shorter_case import MESSAGES

from watchme_analysis.cli.simulate import COLUMNS, LEGEND, simulate
from watchme_analysis.errors import InputError
from watchme_analysis.simulation.figures import figures_note
from watchme_analysis.text.message import Choice, Count, Duration, Phrases, message


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


def test_a_case_is_fitted_and_its_record_shown(shorter):
    result = run(str(shorter.path), "--queue", "asr-queue", "--replications", "1", "--json")
    found = json.loads(result.output)
    assert found["scenarios"][0]["name"] == "as configured"
    # The case holds so many of the dead letters; tests/simulation compares the fit with a whole record.
    assert found["recorded"]["dead_lettered"] == MESSAGES < found["scenarios"][0]["dead_lettered"]["mean"]
    noted = {
        message["id"]: note for message, note in zip(found["notes_messages"], found["notes"], strict=True)
    }
    assert {"fit-capacity", "simulated-settings"} <= noted.keys()
    assert found["scenarios"][0]["measure_message"]["id"] == "measure-as-configured"
    table = run(str(shorter.path), "--queue", "asr-queue", "--replications", "1", "--language", "en")
    fitted = {"queue": "asr-queue", "case": str(shorter.path)}
    runs = message("simulate-runs", count=1)
    assert lines_of(table.output)[0] == said("simulate-fitted", **fitted, runs=runs, seed="0")
    # One row more than without a case: what was recorded.
    assert any(line.startswith(f"{said('column-recorded')} {MESSAGES} ") for line in lines_of(table.output))


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


# One message every two hours, which the usual function and API keep up with: simulated in milliseconds.
CALM = """
[load]
senders = 1
interval_s = 7200
"""
USUAL = message(
    "simulated-settings",
    settings=Phrases(
        (
            message("measure-function-timeout", seconds=Count(30)),
            message("measure-visibility-timeout", seconds=Count(900)),
            message("simulated-no-limit"),
            message("measure-receives", receives=Count(3)),
            message("simulated-batches", messages=Count(1)),
        ),
        limit=100,
    ),
)


@pytest.fixture
def calm(tmp_path, watchme):
    """Return a function that simulates the calm load with further options."""
    write_settings(tmp_path, CALM)

    def simulated(*options, columns=200):
        words = ("simulate", "--replications", "1", "--processes", "1", *options)
        return watchme(*words, cwd=tmp_path, columns=columns)

    return simulated


def title(slots, together="spread"):
    stated = {"senders": 1, "interval": Duration(7200.0), "together": Choice(together)}
    return said("simulate-load", **stated, slots=slots, runs=message("simulate-runs", count=1), seed="0")


def test_the_load_of_the_settings_is_simulated_and_shown_with_a_legend(calm):
    ended = calm()
    assert (ended.returncode, ended.stderr) == (0, "")
    paragraphs = [one_line(text) for text in ended.stdout.split("\n\n")]
    assert paragraphs[0] == title(slots=1)
    # Nothing is in the DLQ, so no measure is better; then the table, then its notes.
    assert len(paragraphs) == 4
    table = lines_of(ended.stdout.split("\n\n")[2])
    heads = [said("column-measure"), *(said(f"column-{head}") for _, head, _ in COLUMNS)]
    assert table[0] == one_line(" ".join(heads))
    # A message is ten seconds old when it is done, which is 0.2 min.
    assert table[1] == "as configured 0 0 0 0 0 0.2 0.0 0"
    notes = [figures_note(1), *(message(f"simulate-legend-{name}") for name in LEGEND), USUAL]
    assert paragraphs[3] == one_line(" ".join(map(one_line, notes)))
    assert lines_of(calm("--api-slots", "30").stdout)[0] == title(slots=30)


def test_json_has_every_figure_of_every_measure(calm):
    found = json.loads(calm("--json").stdout)
    assert {name: found[name] for name in ("recorded", "agreement", "notes", "notes_messages")} == {
        "recorded": None, "agreement": [], "notes": [one_line(USUAL)], "notes_messages": [USUAL.to_dict()],
    }  # fmt: skip
    measures = [row["name"] for row in found["scenarios"]]
    usual = found["scenarios"][0]
    names = {name: usual.pop(name) for name in ("name", "measure", "measure_message")}
    assert names == {
        "name": "as configured",
        "measure": said("measure-as-configured"),
        "measure_message": message("measure-as-configured").to_dict(),
    }
    # One message every two hours for eight hours. Each waits about as long as one takes, ten seconds.
    age, sent = usual.pop("peak_age_s"), usual.pop("sent")
    assert 10 < age["mean"] < 11
    assert sent == {"mean": 5.0, "half_width": None, "seen": 1}
    nothing = {"mean": 0.0, "half_width": None, "seen": 1}
    assert usual == dict.fromkeys(
        [
            "errors", "timeouts", "restarts", "dead_lettered", "dead_unfailed", "lost", "duplicates",
            "peak_visible", "drain_s", "throttles",
        ],
        nothing,
    )  # fmt: skip
    rows = [json.loads(line) for line in calm("--output", "jsonl").stdout.splitlines()]
    assert [row["name"] for row in rows] == measures
    assert rows[0]["peak_age_s.mean"] == pytest.approx(age["mean"])


def test_each_option_of_a_case_needs_one(calm):
    for name in ("queue", "since", "until"):
        ended = calm(f"--{name}", "1h")
        assert ended.returncode == 2
        assert one_line(ended.stderr).startswith(f"watchme: {said('error-option-needs-case', option=name)}")
