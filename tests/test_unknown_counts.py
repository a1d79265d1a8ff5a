"""Where the evidence does not show a count, no surface states one: unknown is not zero."""

import json
import re
from html import unescape

import pytest
from click.testing import CliRunner

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli import cli
from watchme_analysis.mcp.tools import Tools
from watchme_analysis.services.diagnose import diagnose

ERROR = "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'\n"
# A zero of messages, work or alarms, in either language.
ZERO = re.compile(
    r"(?<![\d.,:/-])0 (?:work items?|messages?|lost|was lost|were lost|moved|deleted|件|個)"
    r"|no message was late|no work was (?:late|lost)|No missed work is known|no queue shows trouble"
    r"|ありませんでした|異常のあるキューはありません",
    re.IGNORECASE,
)
COUNTS = (
    "dead_letters", "dead_letters_of_incident", "lost", "missed_work", "dead_lettered_work", "waiting_work",
)  # fmt: skip


def log_of_failures(folder):
    """Write the log of a function that fails at its import; nothing says what became of the messages."""
    start, events = 1765411200000, []
    for number in range(40):
        request = f"{number:08d}-0000-4000-8000-000000000000"
        report = (
            f"REPORT RequestId: {request}\tDuration: 5.00 ms\tBilled Duration: 6 ms\tMemory Size: 128 MB\n"
        )
        lines = (f"START RequestId: {request} Version: 1\n", ERROR, f"END RequestId: {request}\n", report)
        for place, line in enumerate(lines):
            time = start + 60_000 * number + place
            event = {"logStreamName": "s", "timestamp": time, "ingestionTime": time, "message": line}
            events.append(event | {"eventId": f"{number}-{place}"})
    (folder / "jobs-worker-log-events.json").write_text(json.dumps({"events": events}))


def snapshot_of_a_queue(folder):
    """Write the attributes of a queue with a DLQ; no metric says what went through it."""
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:jobs-dlq", "maxReceiveCount": 3}
    attributes = {
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:jobs", "ApproximateNumberOfMessages": "3",
        "VisibilityTimeout": "30", "RedrivePolicy": json.dumps(policy),
    }  # fmt: skip
    (folder / "queues").mkdir()
    (folder / "queues" / "jobs.json").write_text(json.dumps({"Attributes": attributes}))


def printed(*words):
    result = CliRunner().invoke(cli, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.output


def counts_in(value):
    """Yield every field of a JSON document that counts messages, work or alarms."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in (*COUNTS, "late", "times_raised"):
                yield name, item
            yield from counts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from counts_in(item)


@pytest.fixture(params=[log_of_failures, snapshot_of_a_queue])
def case(request, tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    log_of_failures(folder)
    if request.param is not log_of_failures:
        request.param(folder)
    return import_folder(folder, tmp_path / "cases" / "night").case


def test_a_diagnosis_counts_nothing_that_the_evidence_does_not_show(case):
    found = diagnose("backlog", case).to_dict()
    assert {name: found[name] for name in COUNTS} == dict.fromkeys(COUNTS)
    assert not found["missed_work_certain"]
    assert [item for item in counts_in(found) if item[1] in (0, [])] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "language"), [(log_of_failures, "en"), (snapshot_of_a_queue, "ja")], indirect=["case"]
)
def test_no_surface_states_a_zero_that_the_evidence_does_not_show(case, language, tmp_path):
    said = {
        form: printed("diagnose", "backlog", case.path, "--language", language, "--output", form)
        for form in ("table", "json")
    }
    said["all"] = printed("diagnose", "backlog", case.path, "--language", language, "--all")
    said["mcp"] = json.dumps(Tools((case.path.parent,)).diagnose(case.path.name), ensure_ascii=False)
    out = tmp_path / "reports"
    printed("report", "backlog", case.path, "--to", out, "--language", language)
    for page in out.rglob("*.html"):
        said[page.name] = unescape(
            re.sub(r"<style.*?</style>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL)
        )
    assert len(said) > 3
    said["postmortem"] = printed("postmortem", "backlog", case.path, "--language", language)
    assert {name: found[0] for name, text in said.items() if (found := ZERO.search(text))} == {}
