"""What a function's log shows about messages: only a line that says so of an invocation without an error."""

import json
from datetime import UTC, datetime, timedelta

from worlds.scripted_aws import ScriptedAws
from worlds.together import together

from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.remedies.processed_log import RECEIVED_AGAIN, ProcessedLog, Processing, SentMessage

ONE = "11111111-2222-4333-8444-555555555555"
FIRST, SECOND = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
KEYS = WorkItemSettings(item_keys=("device_id",), day_keys=("local_date",))


START, END = f"START RequestId: {ONE} Version: 1", f"END RequestId: {ONE}"
REPORT = f"REPORT RequestId: {ONE}\tDuration: 1.00 ms\tBilled Duration: 1 ms"
DONE = f"processed {FIRST}"


SINCE = datetime(2026, 3, 2, 4, tzinfo=UTC)
SINCE_MS = int(SINCE.timestamp() * 1000)


def log_of(*lines, streams=None, keys=KEYS, **options):
    """Return the log of a function whose lines are a second apart; ``streams`` names that of each."""
    events = [
        {
            "eventId": str(n), "timestamp": SINCE_MS + 1000 * n, "message": line,
            "logStreamName": streams[n] if streams else "s",
        }
        for n, line in enumerate(lines)
    ]  # fmt: skip
    account = ScriptedAws(
        get_function_configuration=lambda **_: {}, filter_log_events=lambda **_: [{"events": events}]
    )
    log = ProcessedLog(account, "worker", SINCE, keys, **options)
    log.read()
    return log


def sent(message=FIRST, item=None, key=None):
    return SentMessage(message, SINCE, item, key)


def state(*lines, message=FIRST, **options):
    found = log_of(*lines, **options).of(sent(message))
    return found and found.state


def test_request_error_and_end_of_an_invocation():
    log = log_of(START, f"handling {FIRST}\r\n", "[ERROR] ValueError:  x\ty", "[ERROR] second", END)
    ended = SINCE + timedelta(seconds=4)
    assert log.of(sent()) == Processing("failed", ONE, "message", "[ERROR] ValueError: x y", ended)
    assert log.of(sent(SECOND)) is None
    assert log.of(sent(None)) is None
    long = log_of(START, f"handling {FIRST}", "[ERROR] " + "x" * 300, END)
    assert long.of(sent()).error == "[ERROR] " + "x" * 192
    # An invocation whose REPORT line was not read may still time out, but an error is certain before it.
    assert state(START, DONE) is None
    assert state(START, DONE, END) is None
    assert state(START, DONE, "[ERROR] x") == "failed"
    assert state(START, DONE, END, REPORT) == "processed"
    for status in ("Status: error\tError Type: Runtime.ExitError", "Status: timeout", "Status: error"):
        assert state(START, DONE, END, f"{REPORT}\t{status}") == "failed"
    timeout = f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds"
    assert state(START, DONE, END, REPORT, timeout) == "failed"
    words = LogWords(error=("kaputt",))
    assert state(START, DONE, "kaputt", END, REPORT, words=words) == "failed"
    assert state(START, DONE, "kaputt", END, REPORT) == "processed"


PROOF = (
    f"processed {FIRST}",
    f"[INFO]\t2026-01-01T00:00:00.000Z\t{ONE}\tstored message {FIRST} in 0.52 s",
    json.dumps({"level": "INFO", "requestId": ONE, "message": "Completed", "message_id": FIRST}),
    f"Successfully saved {FIRST}: {{'status': 'not checked'}}",
)
NO_PROOF = (
    f"handling {FIRST}",
    f"received {FIRST}",
    f"[WARNING] skipping message {FIRST}: device is not registered",
    f"skipped {FIRST}, done with it",
    f"{FIRST} was not processed",
    f"{FIRST} will be processed",
    f"processed 0 of 1: {FIRST}",
    f'handling {FIRST}: {{"status": "done"}}',
    f"handling {FIRST}: 'processed'",
    json.dumps({"level": "WARNING", "requestId": ONE, "message": f"stored {FIRST}"}),
    json.dumps({"level": "INFO", "requestId": ONE, "message": "received", "body": "done", "id": FIRST}),
    "{" * 5000 + f" processed {FIRST}",
)


@together(
    ("line", "expected"), [*((line, "processed") for line in PROOF), *((line, "ended") for line in NO_PROOF)]
)
def test_a_line_that_only_names_a_message_proves_nothing(line, expected):
    assert state(START, f"received {FIRST}", line, END, REPORT) == expected


def test_words_of_the_team_say_that_work_was_done():
    line = f"解析完了 {FIRST}"
    assert state(START, line, END, REPORT) == "ended"
    assert state(START, line, END, REPORT, words=LogWords(done=("完了",))) == "processed"
    assert state(START, f"未完了 {FIRST}", END, REPORT, words=LogWords(done=("完了",))) == "ended"


def test_lines_of_several_streams():
    other = ONE.replace("1111", "2222", 1)
    start, end, report = (text.replace(ONE, other) for text in (START, END, REPORT))
    # Two environments run at once: a line belongs to the request of its stream.
    lines = (START, start, DONE, "[ERROR] x", END, end, report)
    log = log_of(*lines, streams="abbaabb")
    assert log.of(sent()) == Processing("processed", other, "message", "", SINCE + timedelta(seconds=6))
    assert state(DONE, START, END, REPORT) is None  # before any request


def test_a_message_that_is_received_again_was_not_processed():
    other = ONE.replace("1111", "2222", 1)
    start, end, report = (text.replace(ONE, other) for text in (START, END, REPORT))
    processed, failed = (START, DONE, END, REPORT), (start, f"handling {FIRST}", "[ERROR] x", end, report)
    # A retry that succeeds is a success; a success before another attempt is none.
    assert state(*failed, *processed) == "processed"
    assert state(*processed, *failed) == "failed"
    assert state(*failed) == "failed"
    again = (*processed, start, DONE, end, report)
    assert log_of(*again).of(sent()) == Processing("failed", other, "message", RECEIVED_AGAIN)
    assert state(*processed, start, f"handling {FIRST}") == "failed"


def test_the_id_of_a_message_outweighs_its_work():
    work, done = "device_id=d1 local_date=2026-01-02", "processed device_id=d1 local_date=2026-01-02"
    other = ONE.replace("1111", "2222", 1)
    start, end, report = (text.replace(ONE, other) for text in (START, END, REPORT))
    success = (start, done, end, report)
    log = log_of(START, f"handling {FIRST}", "[ERROR] x", END, REPORT, *success)
    assert log.of(sent(item="d1", key="2026-01-02")).state == "failed"
    assert log.of(sent(None, item="d1", key="2026-01-02")).seen_by == "work"
    assert log.of(sent(None, item="d1", key="2026-01-03")) is None
    assert log.of(sent(None, item="d1")) is None
    # Invocations that began before the send say nothing of it, whatever follows.
    late = SentMessage(None, SINCE + timedelta(seconds=6), "d1", "2026-01-02")
    assert log.of(late) is None
    named = log_of(START, work, END, REPORT)
    assert named.of(sent(None, item="d1", key="2026-01-02")).state == "ended"


def test_errors_that_name_messages_of_a_batch():
    lines = (START, DONE, f"[ERROR] ValueError: {SECOND}", END, REPORT)
    for reports, expected in ((True, "processed"), (False, "failed")):
        assert state(*lines, reports_failures=reports) == expected
        assert state(*lines, message=SECOND, reports_failures=reports) == "failed"
    # A timeout, or an error that names nothing, is that of the whole batch.
    timeout = f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds"
    for line in ("[ERROR] x", timeout, f"{timeout} {SECOND}"):
        assert state(START, DONE, line, END, REPORT, reports_failures=True) == "failed"
