"""``watchme diagnose`` with and without a question, its forms and its exit code."""

import json

import pytest
from worlds.printed import one_line, said
from worlds.settings_file import write_settings


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
    found = json.loads(watchme("diagnose", both, "--json").stdout)
    assert [*found] == ["health", "backlog"]
    whole = watchme("diagnose", both).stdout
    for question in found:
        one = json.loads(watchme("diagnose", question, both, "--json").stdout)
        assert one == found[question] and one["question"] == question
        assert f"{question}\n{'=' * len(question)}\n\n{watchme('diagnose', question, both).stdout}" in whole
    rows = [json.loads(row) for row in watchme("diagnose", both, "--output", "jsonl").stdout.splitlines()]
    assert [row["cause"] for row in rows] == [
        entry["cause"] for each in found.values() for entry in each["ranking"]
    ]


@pytest.mark.slow
def test_exit_3_only_where_it_is_wanted(watchme, shorter, both):
    usual = watchme("diagnose", "backlog", shorter.path)
    for level in ("supported", "incident"):
        answer = watchme("diagnose", "backlog", shorter.path, "--fail-on", level)
        assert (answer.returncode, answer.stdout, answer.stderr) == (3, usual.stdout, "")
    assert usual.returncode == 0
    # Nothing is supported, and no incident has a start.
    assert watchme("diagnose", both, "--fail-on", "incident").returncode == 0
    assert watchme("diagnose", both, "--fail-on", "nothing").returncode == 2


def test_the_report_has_the_exit_code_of_its_worst_result(watchme, small_case, tmp_path):
    words = ("report", "health", small_case.path, "--format", "markdown", "--to", tmp_path / "pages")
    ended = watchme(*words, "--json")
    [row] = json.loads(ended.stdout)
    assert (ended.returncode, row["question"], row["status"]) == (0, "health", "ok")
    watchme(*words)
    assert len([*(tmp_path / "pages").iterdir()]) == 2, "an existing file is never replaced"
    (tmp_path / "link").symlink_to(tmp_path / "pages")
    write_settings(tmp_path, '[systems.one]\nreports = "link"\n')
    refused = watchme("report", small_case.path, cwd=tmp_path)
    target = str((tmp_path / "pages").resolve())
    expected = said("error-reports-link", folder="link", target=target)
    assert refused.returncode == 2 and expected in one_line(refused.stderr)
