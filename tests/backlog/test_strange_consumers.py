"""A queue whose consumer nothing describes: its log, its queue and its DLQ say what they can."""

import json

import pytest
from worlds.waiting_queue import write_attributes, write_metrics, write_waiting_queue

from watchme_analysis.services.diagnose import diagnose

LAMBDA_WORDS = ("function", "関数", "invocation", "呼び出し", "event source", "マッピング")
DENIED = "AccessDenied: User is not authorized to perform: sqs:ReceiveMessage on resource: uploads"
EXPIRED = "The receipt handle has expired."
HOURS = 24


def facts(found):
    return {one.id: one.value for one in found.facts}


def signals(found, cause=None):
    return {
        evidence.signal
        for one in found.ranking
        for evidence in one.finding.evidence
        if cause in (None, one.finding.cause)
    }


def write_log(folder, *lines, name="thumbnailer.log"):
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "[2026-03-02 02:3{}:00] production.ERROR: {} ",
        "2026-03-02 02:3{}:00,100 [sqs-0] ERROR org.example.Worker - {}",
        "2026-03-02T02:3{}:00.100Z ERROR 1 --- [sqs-0] org.example.Worker : {}",
        "[Nest] 1  - 03/02/2026, 2:3{}:00 AM   ERROR [Worker] {}",
        "[2026-03-02 02:3{}:00,100: ERROR/MainProcess] {}",
    ],
)
def test_the_only_log_beside_a_queue_is_its_consumers(tmp_path, line):
    write_log(write_waiting_queue(tmp_path), *(line.format(at, DENIED) for at in range(6)))
    found = diagnose("backlog", tmp_path)
    assert (found.verdict, found.cause) == ("supported", "consumer_failing")
    assert DENIED in facts(found)["error"] and DENIED[:40] in str(found.to_dict()["headline"])
    for language in ("en", "ja"):
        text = found.text(language)
        assert not [word for word in LAMBDA_WORDS if word in text], text


def test_a_consumer_without_a_name_is_not_listed_as_affected(tmp_path):
    lines = (f"Mar 02 02:3{at}:00 host1 worker[812]: ERROR {DENIED}" for at in range(6))
    write_log(tmp_path, *lines, name="journal-worker.txt")
    write_attributes(tmp_path, "uploads-dead", ApproximateNumberOfMessages="9")
    dead = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:uploads-dead", "maxReceiveCount": 3}
    waiting = {"ApproximateNumberOfMessages": "12", "RedrivePolicy": json.dumps(dead)}
    found = diagnose("backlog", write_attributes(tmp_path, **waiting))
    assert facts(found)["affected_resource"] == ["uploads"]


def test_of_two_logs_neither_is_the_consumers(tmp_path):
    write_waiting_queue(tmp_path)
    for name in ("thumbnailer.log", "site.log"):
        write_log(tmp_path, f"2026-03-02 02:31:00,100 ERROR {name}: {DENIED}", name=name)
    found = diagnose("backlog", tmp_path)
    assert "consumer" not in facts(found)


def test_an_expired_receipt_handle_is_about_the_visibility_timeout(tmp_path):
    write_attributes(tmp_path, ApproximateNumberOfMessages="12")
    write_log(tmp_path, *(f"2026-03-02 02:3{at}:00,100 ERROR cannot delete: {EXPIRED}" for at in range(6)))
    found = diagnose("backlog", tmp_path)
    assert found.ranking[0].finding.cause == "visibility_misconfig"
    assert signals(found, "visibility_misconfig") == {"errors_of_receipt"}


def test_timeouts_that_only_report_lines_state_have_their_rows(tmp_path):
    report = "REPORT RequestId: 8f5ccb38-0000-4000-8000-00000000000{}\tDuration: 30000.00 ms\tStatus: timeout"
    rows = "".join(f'2026-03-02 02:3{at}:00.000,"{report.format(at)}"\n' for at in range(6))
    write_log(tmp_path, "@timestamp,@message\n" + rows, name="uploads-worker.csv")
    arn = {name: f"arn:aws:{name}:eu-west-1:123456789012" for name in ("sqs", "lambda")}
    polled = {
        "UUID": "11111111-2222-4333-8444-555555555555",
        "EventSourceArn": f"{arn['sqs']}:uploads",
        "FunctionArn": f"{arn['lambda']}:function:uploads-worker",
        "State": "Enabled",
    }
    (tmp_path / "mappings.json").write_text(json.dumps({"EventSourceMappings": [polled]}))
    found = diagnose("backlog", write_attributes(tmp_path, ApproximateNumberOfMessages="12"))
    said = [
        one for entry in found.ranking for one in entry.finding.evidence if one.signal == "errors_timeout"
    ]
    assert said and {one.rows for one in said} == {6}


def test_messages_received_but_not_deleted_came_back(tmp_path):
    made = {
        "NumberOfMessagesSent": [580] * HOURS,
        "NumberOfMessagesReceived": [250] * HOURS,
        "NumberOfMessagesDeleted": [60] * HOURS,
        "ApproximateNumberOfMessagesVisible": [520 * (at + 1) for at in range(HOURS)],
    }
    write_metrics(tmp_path, made, period_s=300)
    found = diagnose("backlog", write_attributes(tmp_path, ApproximateNumberOfMessages="12480"))
    assert not signals(found) & {"received_once", "no_harm"}


def test_a_rise_in_a_record_of_a_day_is_never_usual(tmp_path):
    sent = [800] * 8 + [90_000] * (HOURS - 8)
    deleted = [800] * HOURS
    visible = [sum(sent[: at + 1]) - sum(deleted[: at + 1]) for at in range(HOURS)]
    made = {
        "NumberOfMessagesSent": sent, "NumberOfMessagesReceived": deleted, "NumberOfMessagesDeleted": deleted,
        "ApproximateNumberOfMessagesVisible": visible,
        "ApproximateAgeOfOldestMessage": [10] * 8 + [3600 * at for at in range(HOURS - 8)],
    }  # fmt: skip
    write_metrics(tmp_path, made, period_s=3600)
    found = diagnose("backlog", write_attributes(tmp_path, ApproximateNumberOfMessages=str(visible[-1])))
    assert "arrivals_usual" not in signals(found)


def test_dead_letters_are_the_headline_where_nothing_waits(tmp_path):
    policy = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:uploads-dlq", "maxReceiveCount": 3}
    write_attributes(tmp_path, RedrivePolicy=json.dumps(policy))
    write_attributes(tmp_path, "uploads-dlq", ApproximateNumberOfMessages="1")
    found = diagnose("backlog", tmp_path)
    assert facts(found)["dead_letters"] == 1
    assert found.headline.id == "headline-dead-letters"


def test_commands_have_a_window_where_no_evidence_has_a_time(tmp_path):
    found = diagnose("backlog", write_attributes(tmp_path, ApproximateNumberOfMessages="12"))
    assert "watchme case pull backlog --queue uploads --since 24h" in str(found.now[0].text)
    assert "START" not in found.text("en")
