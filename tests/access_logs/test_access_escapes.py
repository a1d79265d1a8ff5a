import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.engine.escapes import unescaped
from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.frame import frame_of

MAIN = stock_format("main")
LINE = (
    rb'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /caf\xC3\xA9?q=\x22 HTTP/1.1" 200 12 "-" '
    rb'"a \x5Cx41\x0A" "192.0.2.1, \xE6\x97\xA5"' + b"\n"
)


def escaped(text):
    """Write a text as nginx does."""
    plain = range(0x20, 0x7F)
    return "".join(
        chr(one) if one in plain and chr(one) not in '"\\' else f"\\x{one:02X}" for one in text.encode()
    )


@pytest.mark.slow
@given(st.text())
def test_a_text_written_as_nginx_does_is_read_back(text):
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("name", ENGINES[1:])
def test_both_ways_decode_the_same(name):
    engine = Engine([MAIN], UTC, engine=name, decode=True)

    chunk = engine.read(LINE * 3 + LINE.replace(rb"\x", b"-"))

    frame = frame_of([chunk.table], chunk.table.column_names)
    assert frame["path"].tolist()[:3] == ["/café"] * 3
    assert frame["query"].tolist() == ['q="'] * 3 + ["q=-22"]
    assert frame["user_agent"].tolist()[0] == "a \\x41\n"
    assert json.loads(frame["extra"][0]) == {"http_x_forwarded_for": "192.0.2.1, 日"}
    assert frame["client_addr"].tolist() == ["192.0.2.7"] * 4
    assert (chunk.reference_lines == 0) == (name != "exact")


@pytest.mark.parametrize("name", ENGINES[1:])
def test_a_path_requested_is_compared_with_what_was_logged(name):
    def rows(prefix):
        return len(
            Engine([MAIN], UTC, Selection(path_prefix=prefix), engine=name, decode=True).read(LINE).table
        )

    assert [rows(r"/caf\xC3"), rows("/café")] == [1, 0]
