"""Lines of JSON without a format: those alike are read the quick ways, and as by their keys."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.together import together

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.json_log import shape_of
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format


def read(data, engine, formats=None):
    return Engine(formats or stock_formats(), UTC, engine=engine).read(data)


seconds = st.one_of(
    st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)).map(
        lambda one: one.isoformat(timespec="seconds")
    ),
    st.sampled_from(["2025-02-30T00:00:00", "2025-12-11 23:59:60", "11/Dec/2025:10:10:30", "", "é" * 19]),
)


@together(
    "line",
    [
        b'{"status": 200, "path": "/a", "tags": ["x"]}',
        b'{"status": 200, "path": "/a", "cached": true}',
        b'{"status": 200, "path": "/a", "ratio": 1.50}',
        b'{"status": 200, "path": "/a", "url": "/b"}',
        b'{"status": 200, "path": "/a", "a\\"b": "c"}',
        b'{"status": 007, "path": "/a"}',
        b'{"status": 200, "path": "/a"} x',
        b'{"status": 200, "message": "started"}',
        b'{"status": 200, "path": "/a"',
        b'{"status": 200, "empty": {}, "path": "/a"}',
        b"{}",
        b"",
    ],
)
def test_what_a_plan_would_read_otherwise_has_none(line):
    assert shape_of(line, {}) is None


KEYS = (
    "time ts status path url request method args bytes bytes_sent rt host duration_ms request_id client_ip "
    "xff upstream_status urt referer pid a b-c nginx.status k8s user protocol connection_time"
)
keys = st.lists(st.sampled_from(KEYS.split()), unique=True, max_size=8)
texts = st.one_of(
    st.sampled_from(
        ["200", "007", "-", "", "0.5", "/a?b=1", "GET /x HTTP/1.1", "GET", "192.0.2.7", "b=1", "x y"]
    ),
    st.sampled_from(
        ["2025-12-11T10:10:30.25+09:00", "2025-12-11T01:10:30.123456789Z", "2025-12-11T10:10:30.5"]
    ),
    st.sampled_from(
        ["2025-12-11T10:10:30+09:00", "1765415430.120", "11/Dec/2025:10:10:30 +0900", "0.1, 0.2"]
    ),
    st.text('a "\\é\x7f-0', max_size=5),
)
values = st.one_of(
    texts, st.integers(-3, 10**17), st.floats(0, 9), st.none(), st.booleans(), st.just({"in": "1"})
)
pieces = st.sampled_from([b"007", b"1e3", b"0", b"", b"-", b"00.5", b"1.", b"null", b" 5", b'"7"', b"0.50"])


@pytest.mark.slow
@given(st.data(), keys, st.sampled_from([(", ", ": "), (",", ":")]))
def test_all_ways_read_the_same_of_any_shape(data, names, marks):
    names = list(dict.fromkeys([*names, "status", data.draw(st.sampled_from(["path", "request", "b-c"]))]))
    names = data.draw(st.permutations(names))
    first = {name: data.draw(values) for name in names}
    first.update({"status": 200} if data.draw(st.booleans()) else {})
    lines = [first] * data.draw(st.integers(1, 4))
    for _ in range(data.draw(st.integers(0, 3))):
        changed = data.draw(st.sampled_from(names))
        lines.append({**first, changed: data.draw(values)})
    written = [
        json.dumps(one, separators=marks, ensure_ascii=data.draw(st.booleans())).encode() for one in lines
    ]
    if data.draw(st.booleans()):
        # A number as no program of JSON would write it.
        damaged = f'"status"{marks[1]}'.encode()
        written.append(written[0].replace(damaged + b"200", damaged + data.draw(pieces)))
    whole = b"\n".join(written) + b"\n"
    formats = [compile_format('{"path":"$uri","a":"$foo"}', "json", "mine"), *stock_formats()]
    exact, *others = (read(whole, engine, formats) for engine in reversed(ENGINES[1:]))
    for other in others:
        assert other.table.to_pylist() == exact.table.to_pylist()
        assert other.rejected == exact.rejected
        assert (other.blank, other.formats) == (exact.blank, exact.formats)
