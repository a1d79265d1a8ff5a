"""What a function's log shows about messages: only an invocation that ended without an error counts."""

import json
import time
from datetime import UTC, datetime

import pytest
from worlds.aws_front import FAST
from worlds.queue_worker import Worker

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.remedies.processed_log import ProcessedLog, SentMessage

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
