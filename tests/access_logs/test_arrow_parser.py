"""Access logs in columns by Arrow alone."""

import json
import subprocess
import sys

import pytest
from worlds.access_samples import HTTPS, TIMED

from watchme_analysis.access_logs.formats.stock import stock_format

# Formats, None for what needs none, and a line of each: with several tries, escapes, what is said twice.
LOGS = (
    (
        TIMED,
        '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a?b HTTP/1.1" 200 12 "-" "c\\x22" 1765415430.123 '
        '7f - 0.230 "0.001, 0.002" "-" "0.001, 0.230" "192.0.2.8:80, 192.0.2.9:80" "502, 200"',
    ),
    (stock_format("upstreaminfo").text,
     '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" 200 1 "-" "c" '
     "3 0.1 [pool] [] 192.0.2.8:80 1 0.1 200 7f"),
    ('"$request" $uri $status $time_iso8601 $host $http_host',
     '"GET /a HTTP/1.1" /b 200 2025-12-11T10:10:30Z a b'),
    (None, '{"time":"2025-12-11T10:10:30.5Z","status":200,"path":"/a","duration_ms":12,"pod":"web-1"}'),
    (None, HTTPS),
)  # fmt: skip
READ = """
import json, sys
from datetime import UTC
from watchme_analysis.access_logs.formats.stock import stock_formats
from watchme_analysis.access_logs.engine.engine import Engine, Selection
from watchme_analysis.access_logs.formats.log_format import compile_format

for text, line in json.loads(sys.argv[1]):
    formats = [compile_format(text)] if text else stock_formats()
    selection = Selection(since=0, until=2**60, path_prefix="/")
    engine = Engine(formats, UTC, selection, engine="arrow", decode=True)
    chunk = engine.read(f"{line}\\n".encode(), {"file": "a.log", "service": None})
    print(len(chunk.table), chunk.reference_lines)
print(*sorted({"numba", "pandas"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_columns_need_neither_pandas_nor_numba():
    # They take longer to be loaded than ten thousand lines to be read.
    words = [sys.executable, "-c", READ, json.dumps(LOGS)]
    requested = subprocess.run(words, capture_output=True, text=True, check=True)

    assert requested.stdout.splitlines() == ["1 0"] * len(LOGS) + [""]
