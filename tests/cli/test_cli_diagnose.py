"""``watchme diagnose`` with and without a question."""

import json

import pytest
from worlds.together import together

from watchme_analysis.case.opening import open_case
from watchme_analysis.cli.options import meets
from watchme_analysis.config import load_config
from watchme_analysis.services.diagnose import subject_of_system


@pytest.fixture
def both(tmp_path):
    """A folder of raw evidence for both questions."""
    folder = tmp_path / "both"
    (folder / "queues").mkdir(parents=True)
    rows = (
        f'192.0.2.7 - - [10/Dec/2025:10:{minute:02d}:00 +0000] "GET /health HTTP/1.1" 200 2 "-" "curl/8.5"'
        for minute in range(30)
    )
    (folder / "access.log").write_text("".join(f"{row}\n" for row in rows))
    attributes = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:uploads", "VisibilityTimeout": "30"}
    (folder / "queues" / "uploads-attributes.json").write_text(json.dumps({"Attributes": attributes}))
    return folder


@pytest.mark.slow
def test_without_a_question_each_that_the_case_has_evidence_for_is_answered(watchme, both):
    for words in ((both,), ("all", both)):
        answer = watchme("diagnose", *words, "--json")
        assert answer.returncode == 0, answer.stderr
        found = json.loads(answer.stdout)
        assert [*found] == ["health", "backlog"]
        assert {each: diagnosis["question"] for each, diagnosis in found.items()} == {
            "health": "health",
            "backlog": "backlog",
        }
    for question in found:
        assert json.loads(watchme("diagnose", question, both, "--json").stdout) == found[question]


@pytest.mark.slow
def test_the_text_holds_the_text_of_each_question(watchme, both):
    whole = watchme("diagnose", both).stdout
    texts = [watchme("diagnose", question, both).stdout for question in ("health", "backlog")]
    assert texts[0] != texts[1]
    assert all(text in whole for text in texts)
    assert whole.index(texts[0]) < whole.index(texts[1])
    assert [line for line in whole.splitlines() if line in ("health", "backlog")] == ["health", "backlog"]


@pytest.mark.slow
def test_json_has_the_same_shape_for_one_question(watchme, evidence):
    answer = watchme("diagnose", evidence, "--json")
    assert [*json.loads(answer.stdout)] == ["health"]
    assert watchme("diagnose", evidence).stdout == watchme("diagnose", "health", evidence).stdout


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("health",), "CASE"),
        ((), "CASE"),
        (("empty",), "empty"),
        (("evidence", "--queue", "uploads"), "--queue"),
        (("health", "evidence", "--queue", "uploads"), "--queue"),
        (("backlog", "evidence", "--endpoint", "/health"), "--endpoint"),
        (("evidence", "evidence"), "'evidence' is not one of"),
    ],
)
def test_what_can_not_be_answered_is_one_sentence(watchme, evidence, words, reported):
    (evidence.parent / "empty").mkdir()
    answer = watchme("diagnose", *words, cwd=evidence.parent)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert reported in answer.stderr


@together(
    ("verdict", "start", "levels"),
    [
        ("supported", "2026-01-01T00:00:00Z", ["supported", "incident"]),
        ("supported", None, ["supported", "incident"]),
        ("inconclusive", "2026-01-01T00:00:00Z", ["incident"]),
        ("inconclusive", None, []),
        ("no_incident", None, []),
        ("no_incident", "2026-01-01T00:00:00Z", []),
    ],
)
def test_the_verdict_and_the_incident_decide_which_level_is_met(verdict, start, levels):
    diagnosis = {"verdict": verdict, "incident": {"start": start, "end": None}}
    assert [level for level in ("supported", "incident") if meets(level, diagnosis)] == levels
    assert not meets(None, diagnosis)


@pytest.mark.slow
def test_exit_3_only_where_it_is_wanted(watchme, shorter, both, evidence):
    bad = shorter.path
    usual = watchme("diagnose", "backlog", bad)
    answer = watchme("diagnose", "backlog", bad, "--fail-on", "supported")
    assert (usual.returncode, answer.returncode) == (0, 3)
    assert (answer.stdout, answer.stderr) == (usual.stdout, "")
    answer = watchme("diagnose", bad, "--json", "--fail-on", "incident")
    assert answer.returncode == 3
    assert json.loads(answer.stdout)["backlog"]["verdict"] == "supported"
    assert watchme("diagnose", both, "--fail-on", "incident").returncode == 0
    assert watchme("diagnose", evidence, "--fail-on", "nothing").returncode == 2


def test_a_chosen_system_states_the_endpoint_where_the_case_has_it(watchme, both, monkeypatch, tmp_path):
    (tmp_path / "watchme.toml").write_text(
        '[systems.one]\nhealth = "/health"\nqueue = "nowhere"\n[systems.two]\nhealth = "/other"\n'
        'queue = ["a", "b"]\n'
    )
    systems = load_config(tmp_path, {}).systems
    case = open_case(both)
    subjects = {
        (name, question): subject_of_system(question, case, systems[name])
        for name in systems
        for question in ("health", "backlog")
    }
    assert subjects == {
        ("one", "health"): "/health",
        ("one", "backlog"): None,
        ("two", "health"): None,
        ("two", "backlog"): None,
    }
    assert subject_of_system("health", case, None) is None
    monkeypatch.setenv("WATCHME_CONFIG_FOLDER", str(tmp_path))
    assert watchme("diagnose", "health", both, "--system", "one").returncode == 0
    assert watchme("diagnose", "health", both, "--system", "three").returncode == 2
