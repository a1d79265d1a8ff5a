import time
from datetime import UTC

import pytest

from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser, mismatch_reason
from watchme_analysis.access_logs.formats.log_format import compile_format

TIMED = compile_format(
    '$remote_addr [$time_local] "$request" $status "$http_user_agent" $request_time', name="timed"
)
GOOD = b'192.0.2.7 [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" 200 "curl" 0.004'


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (
            b"[Thu Dec 11 10:10:30.123456 2025] [core:error] [pid 7:tid 8] AH00126: Invalid URI",
            "of Apache's error log",
        ),
        (
            b"[Thu Dec 11 10:10:30 2025] [error] [client 192.0.2.7] File does not exist: /a",
            "of Apache's error log",
        ),
        (b"2025/12/11 01:11:40 [notice] 31#31: start worker process 32", "of Nginx's error log"),
        (b"2025/12/11 01:11:40 something else", "of none of the formats"),
    ],
)
def test_a_line_of_no_format_is_reported_for_what_it_is(line, reported):
    with pytest.raises(ValueError, match=reported):
        ReferenceParser([TIMED], UTC).row(line)


def test_a_huge_line_is_reported_at_once():
    began = time.process_time()

    mismatch_reason(TIMED, GOOD.replace(b"curl", b'" 0.1 ' * 1_000_000))
    mismatch_reason(TIMED, GOOD.replace(b"curl", b'" 2' * 20_000))

    assert time.process_time() - began < 2
