"""The command ``watchme simulate``."""

import json

import pytest
from worlds.printed import lines_of, said
from worlds.settings_file import write_settings
from worlds.shorter_case import MESSAGES

from watchme_analysis.text.message import message

# One message every two hours, which the usual function and API keep up with: simulated in milliseconds.
CALM = "[load]\nsenders = 1\ninterval_s = 7200\n"


@pytest.fixture
def calm(tmp_path, watchme):
    """Return a function that simulates the calm load with further options."""
    write_settings(tmp_path, CALM)

    def simulated(*options, columns=200):
        words = ("simulate", "--replications", "1", "--processes", "1", *options)
        return watchme(*words, cwd=tmp_path, columns=columns)

    return simulated


def test_json_has_every_figure_of_every_measure(calm):
    found = json.loads(calm("--json").stdout)
    assert (found["recorded"], found["agreement"]) == (None, [])
    assert [each["id"] for each in found["notes_messages"]] == ["simulated-settings"]
    usual = found["scenarios"][0]
    assert (usual["name"], usual["measure_message"]["id"]) == ("as configured", "measure-as-configured")
    assert usual["sent"] == {"mean": 5.0, "half_width": None, "seen": 1}
    assert usual["lost"] == usual["dead_lettered"] == {"mean": 0.0, "half_width": None, "seen": 1}
    rows = [json.loads(line) for line in calm("--output", "jsonl").stdout.splitlines()]
    assert [row["name"] for row in rows] == [row["name"] for row in found["scenarios"]]
    assert rows[0]["peak_age_s.mean"] == pytest.approx(usual["peak_age_s"]["mean"])


@pytest.mark.slow
def test_a_case_is_fitted_and_its_record_shown(watchme, shorter):
    words = ("simulate", shorter.path, "--queue", "asr-queue", "--replications", "1", "--processes", "1")
    found = json.loads(watchme(*words, "--json").stdout)
    # The case holds so many of the dead letters; tests/simulation compares the fit with a whole record.
    assert found["recorded"]["dead_lettered"] == MESSAGES < found["scenarios"][0]["dead_lettered"]["mean"]
    shown = lines_of(watchme(*words, columns=200).stdout)
    fitted = {"queue": "asr-queue", "case": str(shorter.path)}
    assert shown[0] == said("simulate-fitted", **fitted, runs=message("simulate-runs", count=1), seed="0")
    assert any(line.startswith(f"{said('column-recorded')} {MESSAGES} ") for line in shown)
    unknown = watchme("simulate", shorter.path, "--queue", "nowhere")
    assert unknown.returncode == 2 and "no queue nowhere: its queues are asr-queue" in unknown.stderr
