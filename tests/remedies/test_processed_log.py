"""What a function's log shows about messages: only an invocation that ended without an error counts."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from worlds.aws_front import FAST
from worlds.memory_queues import MemoryQueues
from worlds.messages import refusal
from worlds.queue_worker import Worker

from watchme_analysis.cloudwatch.session import Aws, NotFoundError
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.remedies.processed_log import ProcessedLog, Processing, SentMessage
from watchme_analysis.text.render import error_message

ONE = "11111111-2222-4333-8444-555555555555"
FIRST, SECOND = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
KEYS = WorkItemSettings(item_keys=("device_id",), day_keys=("local_date",))


@pytest.fixture
def state_of(front, moto_port):
    """Return a function that logs lines and tells what the log shows about a message."""
    worker = Worker(front, moto_port)

    def state(*lines, message=FIRST, item=None, key=None, **options):
        now = int(time.time() * 1000)
        worker.logs.put_log_events(
            logGroupName=worker.group,
            logStreamName=worker.stream,
            logEvents=[{"timestamp": now + at, "message": line} for at, line in enumerate(lines)],
        )
        log = ProcessedLog(Aws(rate_limits=FAST), worker.function, datetime.now(UTC), KEYS, **options)
        log.read()
        found = log.of(SentMessage(message, datetime.now(UTC), item, key))
        return found and (found.state, found.seen_by)

    return state


START, END = f"START RequestId: {ONE} Version: 1", f"END RequestId: {ONE}"


@pytest.mark.slow
def test_lines_without_a_request_id_belong_to_the_invocation_that_runs(state_of):
    assert state_of(START, f"handling {FIRST}") is None
    assert state_of(END) == ("processed", "message")


def test_an_error_anywhere_in_the_invocation_is_a_failure(state_of):
    assert state_of(START, f"handling {FIRST}", "[ERROR] ValueError: x", END) == ("failed", "message")


@pytest.mark.slow
def test_a_timeout_is_a_failure(state_of):
    said = f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds"
    assert state_of(START, f"handling {FIRST}", said, END) == ("failed", "message")


@pytest.mark.slow
@pytest.mark.parametrize(("reports", "state"), [(True, "processed"), (False, "failed")])
def test_an_error_of_another_message_of_the_batch(state_of, reports, state):
    lines = (START, f"handling {FIRST}", f"[ERROR] ValueError: {SECOND}", END)
    assert state_of(*lines, reports_failures=reports) == (state, "message")
    assert state_of(END, message=SECOND, reports_failures=reports) == ("failed", "message")


@pytest.mark.slow
def test_a_later_attempt_that_succeeds_counts(state_of):
    other = ONE.replace("1111", "2222", 1)
    state_of(START, f"handling {FIRST}", "[ERROR] ValueError: x", END)
    lines = (START.replace(ONE, other), f"handling {FIRST}", END.replace(ONE, other))
    assert state_of(*lines) == ("processed", "message")


@pytest.mark.slow
def test_work_is_found_in_json_logs(state_of):
    body = {"level": "INFO", "requestId": ONE, "message": "device_id=d1 local_date=2026-01-02 done"}
    end = {"type": "platform.report", "record": {"requestId": ONE, "metrics": {}}}
    lines = [json.dumps(body), json.dumps(end)]
    assert state_of(*lines, item="d1", key="2026-01-02") == ("processed", "work")
    assert state_of(END, item="d2", key="2026-01-02") is None


def test_an_event_that_arrives_late_is_found_by_reading_the_whole_log(front, moto_port):
    worker = Worker(front, moto_port)
    log = ProcessedLog(Aws(rate_limits=FAST), worker.function, datetime.now(UTC), KEYS)
    now = int(time.time() * 1000)

    def put(at, *lines):
        worker.logs.put_log_events(
            logGroupName=worker.group,
            logStreamName=worker.stream,
            logEvents=[{"timestamp": at, "message": line} for line in lines],
        )

    put(now, "something else")
    log.read()
    put(now - 180_000, START, f"handling {FIRST}", END)
    message = SentMessage(FIRST, datetime.now(UTC))
    log.read()
    assert log.of(message) is None
    log.read(whole=True)
    assert log.of(message).state == "processed"


SINCE = datetime(2026, 3, 2, 4, tzinfo=UTC)
SINCE_MS = int(SINCE.timestamp() * 1000)


def log_of(*lines, streams=None, keys=KEYS, **options):
    """Return the log of a function whose lines are a second apart; ``streams`` names that of each."""
    account = MemoryQueues(rate_limits=FAST)
    account.responses["get_function_configuration"] = {}
    account.answers["filter_log_events"] = [
        {
            "events": [
                {
                    "eventId": str(n), "timestamp": SINCE_MS + 1000 * n, "message": line,
                    "logStreamName": streams[n] if streams else "s",
                }
                for n, line in enumerate(lines)
            ]
        },
        {"events": []},
        {"events": []},
    ]  # fmt: skip
    log = ProcessedLog(account, "worker", SINCE, keys, **options)
    log.read()
    return log, account


def sent(message=FIRST, item=None, key=None):
    return SentMessage(message, SINCE, item, key)


def test_request_error_and_end_of_an_invocation():
    log, _ = log_of(START, f"handling {FIRST}\r\n", "[ERROR] ValueError:  x\ty", "[ERROR] second", END)
    ended = SINCE + timedelta(seconds=4)
    assert log.of(sent()) == Processing("failed", ONE, "message", "[ERROR] ValueError: x y", ended)
    assert log.of(sent(SECOND)) is None
    assert log.of(sent(None)) is None
    long, _ = log_of(START, f"handling {FIRST}", "[ERROR] " + "x" * 300, END)
    assert long.of(sent()).error == "[ERROR] " + "x" * 192
    # An invocation that has not ended says nothing, but an error is certain before its end.
    assert log_of(START, f"handling {FIRST}")[0].of(sent()) is None
    assert log_of(START, f"handling {FIRST}", "[ERROR] x")[0].of(sent()).state == "failed"
    # A report that states an error ends a failed invocation.
    report = f"REPORT RequestId: {ONE}\tDuration: 1.00 ms\tStatus: error\tError Type: Runtime.ExitError"
    assert log_of(START, f"handling {FIRST}", report)[0].of(sent()).state == "failed"
    report = f"REPORT RequestId: {ONE}\tDuration: 1.00 ms"
    assert log_of(START, f"handling {FIRST}", report)[0].of(sent()).state == "processed"
    words = LogWords(error=("kaputt",))
    assert log_of(START, f"handling {FIRST}", "kaputt", END, words=words)[0].of(sent()).state == "failed"
    assert log_of(START, f"handling {FIRST}", "kaputt", END)[0].of(sent()).state == "processed"


def test_lines_of_several_streams_and_attempts():
    other = ONE.replace("1111", "2222", 1)
    start, end = START.replace(ONE, other), END.replace(ONE, other)
    # Two environments run at once: a line belongs to the request of its stream.
    lines = (START, start, f"handling {FIRST}", "[ERROR] x", END, end)
    log, _ = log_of(*lines, streams="abbaab")
    assert log.of(sent()) == Processing("processed", other, "message", "", SINCE + timedelta(seconds=5))
    assert log_of(f"handling {FIRST}", START, END)[0].of(sent()) is None  # before any request
    # Processed once is processed, whatever an attempt before or after it shows.
    failed = (start, f"handling {FIRST}", "[ERROR] x", end)
    processed = (START, f"handling {FIRST}", END)
    for attempts in ((*failed, *processed), (*processed, *failed)):
        assert log_of(*attempts)[0].of(sent()).request_id == ONE
    # The message id counts before the work; a failure of the message gives way to the work's success.
    work = "device_id=d1 local_date=2026-01-02"
    log, _ = log_of(start, f"handling {FIRST}", "[ERROR] x", end, START, work, END)
    assert log.of(sent(item="d1", key="2026-01-02")).seen_by == "work"
    assert log.of(sent()).state == "failed"
    assert log.of(sent(item="d1", key="2026-01-03")).state == "failed"
    assert log.of(sent(item="d1")).state == "failed"
    log, _ = log_of(START, f"handling {FIRST} {work}", END)
    assert log.of(sent(item="d1", key="2026-01-02")).seen_by == "message"


def test_errors_that_name_messages_of_a_batch():
    work = "device_id=d1 local_date=2026-01-02"
    lines = (START, f"handling {FIRST}", work, f"[ERROR] ValueError: {SECOND}", END)
    by_work = {"message": None, "item": "d1", "key": "2026-01-02"}
    for reports, state in ((True, "processed"), (False, "failed")):
        log, _ = log_of(*lines, reports_failures=reports)
        assert [log.of(sent()).state, log.of(sent(**by_work)).state] == [state, state]
        assert log.of(sent(SECOND)).state == "failed"
    named = (START, f"handling {FIRST}", f"[ERROR] ValueError: {work}", END)
    log, _ = log_of(*named, reports_failures=True)
    assert (log.of(sent()).state, log.of(sent(**by_work)).state) == ("processed", "failed")
    # A timeout, or an error that names nothing, is that of the whole batch.
    timeout = f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds"
    for line in ("[ERROR] x", timeout, f"{timeout} {SECOND}"):
        log, _ = log_of(START, f"handling {FIRST}", line, END, reports_failures=True)
        assert log.of(sent()).state == "failed"


def test_each_reading_begins_two_minutes_before_the_last_event():
    log, account = log_of(START, *["x"] * 599)
    log.read()
    log.read(whole=True)
    readings = [made for operation, made in account.made if operation == "filter_log_events"]
    # The first five minutes before the first message, since clocks differ.
    starts = [SINCE_MS - 300_000, SINCE_MS + 599_000 - 120_000, SINCE_MS - 300_000]
    assert readings == [{"logGroupName": "/aws/lambda/worker", "startTime": start} for start in starts]
    early, account = log_of(START)
    early.read()
    last = [made["startTime"] for operation, made in account.made if operation == "filter_log_events"]
    assert last == [SINCE_MS - 300_000, SINCE_MS - 120_000]
    assert account.operations().count("get_function_configuration") == 1


def test_a_log_group_that_does_not_exist_yet_is_empty():
    log, account = log_of(START, f"handling {FIRST}", END)
    account.problems["filter_log_events"] = [NotFoundError("logs:FilterLogEvents: no such group")]
    log.read()
    assert log.of(sent()).state == "processed"
    gone = error_message("error-topic-needed")
    account.problems["filter_log_events"] = [NotFoundError(gone)]
    assert refusal(log.read, error=NotFoundError) == {"error-topic-needed": {}}
    configured = MemoryQueues()
    configured.responses["get_function_configuration"] = {"LoggingConfig": {"LogGroup": "own"}}
    assert ProcessedLog(configured, "worker", SINCE, KEYS).group() == "own"
