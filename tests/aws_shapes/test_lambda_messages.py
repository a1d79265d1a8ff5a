import json
from pathlib import Path

import pytest
from worlds.together import together

from watchme_analysis.aws_shapes.lambda_messages import (
    classify_message,
)
from watchme_analysis.config import LogWords, load_config

ID = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"
# The words of the team whose logs are bundled.
WORDS = load_config(Path(__file__).parents[2]).log_words
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/var/task/lambda_function.py", line 61, in lambda_handler\n'
    "    response.raise_for_status()\n"
)


@together(
    ("message", "kind", "error"),
    [
        (f"START RequestId: {ID} Version: $LATEST\n", "start", None),
        (f"END RequestId: {ID}\n", "end", None),
        ("INIT_START Runtime Version: python:3.12.v92\tRuntime Version ARN: arn:aws:x\n", "init", None),
        (
            "INIT_REPORT Init Duration: 10008.12 ms\tPhase: init\tStatus: timeout\n",
            "init_report",
            "Task timed out",
        ),
        (
            f"2025-12-11T01:00:00.000Z {ID} Task timed out after 30.02 seconds\n\n",
            "timeout",
            "Task timed out",
        ),
        ("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE]\n", "extension", None),
        (f"[ERROR] HTTPError: 404 Client Error\n{TRACE}", "error", "HTTPError"),
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'a': No module named 'requests'\n",
            "error",
            "Runtime.ImportModuleError",
        ),
        (
            f"[ERROR]\t2025-12-11T01:00:00.000Z\t{ID}\trequests.exceptions.ReadTimeout: HTTP",
            "error",
            "ReadTimeout",
        ),
        (f"{TRACE}requests.exceptions.ReadTimeout: HTTPConnectionPool(host='x')\n", "error", "ReadTimeout"),
        (f"{TRACE}KeyError: 'a'\n\nDuring handling\n\n{TRACE}ValueError: bad\n", "error", "ValueError"),
        (
            f"RequestId: {ID} Error: Runtime exited\nRuntime.ExitError\nError Type: Runtime.ExitError",
            "error",
            "Runtime.ExitError",
        ),
        ('❌ APIエラー: status_code=404 body={"detail":"x"}', "error", "HTTP 404"),
        ("ERROR connection refused", "error", "ERROR"),
        ("処理に失敗しました: device_id=a", "error", "ERROR"),
        ("エラー: APIがタイムアウトしました", "error", "Timeout"),
        ("処理完了 エラー: 0件", "application", None),
        ("errors=0 failed: 0", "application", None),
        ("[INFO]\tretry after ReadTimeout: 1", "application", None),
        ("✅ SED APIが受け付けました (status=202, 1.2秒)", "application", None),
        ("", "application", None),
    ],
)
def test_kinds_and_errors(message, kind, error):
    reading = classify_message(message, WORDS)
    assert (reading.kind, reading.error_type) == (kind, error)


def test_report_figures():
    reading = classify_message(
        f"REPORT RequestId: {ID}\tDuration: 196.03 ms\tBilled Duration: 197 ms\tMemory Size: 256 MB\t"
        "Max Memory Used: 37 MB\tInit Duration: 512.5 ms\tStatus: error\t"
        "Error Type: Runtime.ImportModuleError\n"
    )
    assert reading.request_id == ID
    figures = (
        reading.duration_ms,
        reading.billed_ms,
        reading.memory_mb,
        reading.memory_used_mb,
        reading.init_ms,
    )
    assert figures == (196.03, 197, 256, 37, 512.5)
    assert (reading.kind, reading.error_type) == ("report", "Runtime.ImportModuleError")


@pytest.mark.parametrize(
    ("value", "kind", "error"),
    [
        (
            {"level": "ERROR", "errorType": "a.b.KeyError", "message": "x", "requestId": ID},
            "error",
            "KeyError",
        ),
        ({"level": "INFO", "message": "処理に失敗しました?", "requestId": ID}, "application", None),
        (
            {"level": "ERROR", "message": "x", "stackTrace": [TRACE, "ValueError: y"], "requestId": ID},
            "error",
            "ValueError",
        ),
        ({"type": "platform.start", "record": {"requestId": ID}}, "start", None),
        (
            {
                "type": "platform.report",
                "record": {"requestId": ID, "status": "timeout", "metrics": {"durationMs": 5}},
            },
            "report",
            "Task timed out",
        ),
    ],
)
def test_json_format(value, kind, error):
    reading = classify_message(json.dumps(value), WORDS)
    assert (reading.kind, reading.error_type, reading.request_id) == (kind, error, ID)


@together(
    ("message", "kind", "error"),
    [
        ("결제 실패: status=503", "error", "HTTP 503"),
        ("결제 실패 상태 503", "error", "HTTP 503"),
        ("결제 시간초과", "error", "Timeout"),
        ("실패: 0", "application", None),
        ("실패건 없음", "application", None),
        ("[INFO] 실패", "application", None),
        ("エラー", "application", None),
        ("payment failed", "error", "ERROR"),
    ],
)
def test_words_of_another_language(message, kind, error):
    words = LogWords(error=("실패", "시간초과"), no_error=("없음",), timeout=("시간초과",), status=("상태",))
    reading = classify_message(message, words)
    assert (reading.kind, reading.error_type) == (kind, error)
