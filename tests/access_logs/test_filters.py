import pytest
from worlds.access_samples import requests
from worlds.together import together

from watchme_analysis.access_logs.filters import CHOSEN_BY, RequestFilter, parse_only
from watchme_analysis.access_logs.summary import KEYS
from watchme_analysis.errors import InputError

ROWS = (
    {"path": "/jobs/1", "status": 504, "upstream_addr": "192.0.2.20:80", "request_time_s": 30.0},
    {"path": "/jobs/new", "status": 499, "upstream_addr": "192.0.2.21:80", "request_time_s": 0.5},
    {"path": None, "status": None, "upstream_addr": None, "request_time_s": None},
    {"path": "/a,b", "status": 500, "upstream_addr": None, "request_time_s": 2.0},
)


def chosen(*texts, slower_than_s=None):
    choice = RequestFilter(slower_than_s, parse_only(texts))
    table = choice.of(requests(*ROWS).append_column("at", [list(range(len(ROWS)))]))
    return table["at"].to_pylist()


@together(
    ("texts", "rows"),
    [
        ((), [0, 1, 2, 3]),
        (("status=504",), [0]),
        (("status=5xx",), [0, 3]),
        (("status=5XX,499",), [0, 1, 3]),
        (("status=5xx", "status=-"), [0, 2, 3]),
        (("status=4*",), [1]),
        (("path=/jobs/*",), [0]),
        (("full-path=/jobs/new",), [1]),
        (("full-path=/jobs/*",), []),
        (("path=/a,b",), [3]),
        (("upstream=192.0.2.2*:80",), [0, 1]),
        (("upstream=192.0.2.2.:80",), []),
        (("upstream=-", "status=5xx"), [3]),
        (("method=POST",), []),
    ],
)
def test_requests_are_chosen_by_what_groups_of_them_are_called(texts, rows):
    assert chosen(*texts) == rows


def test_those_that_took_long_enough_are_chosen_of_these():
    assert chosen("status=5xx", slower_than_s=10.0) == [0]
    assert chosen(slower_than_s=2.0) == [0, 3]


def test_everything_that_requests_are_grouped_by_chooses_them_but_times():
    assert {name: KEYS[name] for name in CHOSEN_BY} == CHOSEN_BY
    assert KEYS.keys() - CHOSEN_BY.keys() == {"minute", "hour"}


def test_commas_stand_between_values_but_in_what_clients_write():
    assert parse_only(["client=192.0.2.7,192.0.2.8"]) == (("client", "192.0.2.7"), ("client", "192.0.2.8"))
    for name in ("path", "full-path", "agent", "referer"):
        assert parse_only([f"{name}=a,b"]) == ((name, "a,b"),)


@together(
    ("text", "reason"),
    [
        ("status", "write NAME=VALUE"),
        ("status=", "write NAME=VALUE"),
        ("colour=red", "one of path, full-path, status"),
        ("minute=10:10", "one of path"),
        ("status=ok", "'ok' is not a status"),
        ("status=6xx", "'6xx' is not a status"),
        ("status=504,", "'' is not a status"),
    ],
)
def test_what_chooses_nothing_is_refused(text, reason):
    with pytest.raises(InputError, match=reason):
        parse_only([text])
