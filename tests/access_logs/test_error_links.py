import json
import time

import pandas as pd
import pytest
from worlds.together import together

from watchme_analysis.access_logs import error_requests
from watchme_analysis.access_logs.access_log import read_access_log
from watchme_analysis.access_logs.error_log import read_error_log
from watchme_analysis.access_logs.error_requests import errors_to_requests
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2026-03-02T04:00:00Z")
FIRST, SECOND = "192.0.2.20:8017", "192.0.2.21:8017"


def at(second):
    return START + pd.Timedelta(seconds=second)


def access(*rows):
    base = {"file": "access.log", "method": "GET", "path": "/health", "status": 504, "request_time_s": 3.0}
    return conform("access_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def errors(*rows):
    base = {
        "file": "error.log",
        "pid": 31,
        "kind": "upstream_timeout_header",
        "message": "upstream timed out",
    }
    requested = {"method": "GET", "path": "/health"}
    made = [base | requested | {"line": n} | row for n, row in enumerate(rows, 1)]
    return conform("error_log", pd.DataFrame(made))


def linked(found):
    return [None if pd.isna(row) else int(row) for row in found["access_row"]]


@pytest.mark.slow
def test_connections_tell_requests_apart_that_are_alike_otherwise():
    spoofed = json.dumps({"http_x_a": json.dumps({"connection": "7"})})
    requests = access(
        {"time": at(10.4), "extra": spoofed},
        {"time": at(10.5), "extra": '{"connection": "8"}'},
        {"time": at(10.6), "extra": '{"a": "b", "connection": "7"}'},
    )
    said = errors({"time": at(10), "connection": 7}, {"time": at(10), "connection": 8})

    assert linked(errors_to_requests(said, requests.iloc[1:])) == [1, 0]
    assert linked(errors_to_requests(said, requests.drop(columns="extra"))) == [None, None]
    assert errors_to_requests(said, requests)["link"].tolist() == ["ambiguous", "ambiguous"]


def test_an_error_belongs_to_the_request_that_ended_with_it():
    found = errors_to_requests(
        errors({"time": at(10)}),
        access({"time": at(9.9)}, {"time": at(10.4)}, {"time": at(10.5), "path": "/other"}),
    )
    assert linked(found) == [1]
    assert found["link"].tolist() == ["alone"]
    assert found["candidates"].tolist() == [1]


@pytest.mark.slow
@together(
    ("said", "logged"),
    [
        ({"method": "GET"}, {"method": "POST"}),
        ({"host": "api.example.com"}, {"host": "www.example.com"}),
        ({"upstream_addr": FIRST}, {"upstream_addr": SECOND, "upstream_status": 504}),
        ({"service": "a"}, {"service": "b"}),
        ({"connection": 7}, {"extra": '{"connection": "8"}'}),
        ({"kind": "upstream_refused"}, {"status": 200}),
        ({}, {"upstream_status": 200}),
        ({}, {"time": at(14.0)}),
    ],
)
def test_what_both_know_must_agree(said, logged):
    found = errors_to_requests(errors({"time": at(10)} | said), access({"time": at(10.4)} | logged))
    assert linked(found) == [None]
    assert found["link"].tolist() == ["none"]


def test_an_upstream_that_is_left_out_from_then_on_takes_no_try():
    refused = {"time": at(10), "kind": "upstream_refused", "upstream_addr": FIRST}
    found = errors_to_requests(
        errors(refused, refused | {"kind": "upstream_disabled"}),
        access({"time": at(10.4), "status": 502, "upstream_addr": FIRST, "upstream_status": 502}),
    )
    assert linked(found) == [0, 0]
    assert found["link"].tolist() == ["alone", "alone"]


def test_who_left_early_and_who_got_no_socket_are_recognised_by_what_was_sent():
    gone = "client prematurely closed connection, so upstream connection is closed too while connecting to"
    no_socket = "socket() failed (24: Too many open files) while connecting to upstream"
    requested = {"time": at(10), "upstream_addr": FIRST}
    found = errors_to_requests(
        errors(
            requested | {"kind": "open_files", "message": no_socket},
            requested | {"kind": "client_closed", "message": gone},
            requested | {"kind": "client_closed", "message": gone},
        ),
        access(
            {"time": at(10.4), "status": 499, "upstream_addr": FIRST},
            {"time": at(10.5), "status": 500},
            {"time": at(10.6), "status": 499, "upstream_addr": FIRST},
        ),
    )
    assert linked(found) == [1, 0, 2]


def test_a_host_that_is_none_is_not_compared():
    said = {
        "kind": "client_invalid",
        "message": "client sent invalid host header while reading client request",
    }
    found = errors_to_requests(
        errors({"time": at(10), "host": "a b"} | said),
        access({"time": at(10.4), "status": 400, "host": "api.example.com"}),
    )
    assert linked(found) == [0]


def test_hosts_are_compared_as_nginx_names_them():
    found = errors_to_requests(
        errors({"time": at(10), "host": "API.example.com:8080"}),
        access({"time": at(10.4), "host": "api.example.com"}, {"time": at(10.6), "host": "www.example.com"}),
    )
    assert linked(found) == [0]


@pytest.mark.slow
def test_clients_are_compared_only_where_the_logs_have_some_in_common():
    said = errors({"time": at(10), "client_addr": "192.0.2.1"})
    two = ({"time": at(10.4), "client_addr": "192.0.2.2"}, {"time": at(10.5), "client_addr": "192.0.2.1"})
    assert linked(errors_to_requests(said, access(*two))) == [1]
    assert linked(errors_to_requests(said, access(two[0]))) == [0]


def test_one_worker_writes_both_logs_in_the_same_order():
    requests = access({"time": at(10.4)}, {"time": at(10.6)})
    found = errors_to_requests(errors({"time": at(10)}, {"time": at(10)}), requests)
    assert linked(found) == [0, 1]
    assert found["link"].tolist() == ["order", "order"]
    found = errors_to_requests(errors({"time": at(10)}, {"time": at(10), "pid": 32}), requests)
    assert linked(found) == [None, None]


@pytest.mark.slow
def test_where_the_numbers_differ_nothing_is_guessed():
    found = errors_to_requests(errors({"time": at(10)}), access({"time": at(10.4)}, {"time": at(10.6)}))
    assert linked(found) == [None]
    assert found["link"].tolist() == ["ambiguous"]
    assert found["candidates"].tolist() == [2]
    found = errors_to_requests(errors({"time": at(10)}, {"time": at(10)}), access({"time": at(10.4)}))
    assert found["link"].tolist() == ["ambiguous", "ambiguous"]


def test_each_failed_try_of_a_request_has_its_own_line():
    tries = {"upstream_addr": f"{FIRST}, {SECOND}", "upstream_status": "504, 502"}
    requests = access(
        {
            "time": at(10.4),
            "status": 502,
            "upstream_addr": SECOND,
            "upstream_status": 502,
            "upstream_raw": json.dumps(tries),
        }
    )
    failures = errors(
        {"time": at(8), "upstream_addr": FIRST},
        {"time": at(10), "upstream_addr": SECOND, "kind": "upstream_refused"},
    )
    assert linked(errors_to_requests(failures, requests)) == [0, 0]
    # The second upstream was tried but once.
    repeated = conform("error_log", pd.concat([failures, failures.iloc[1:]]))
    assert errors_to_requests(repeated, requests)["link"].tolist() == ["alone", "ambiguous", "ambiguous"]


@pytest.mark.slow
def test_a_failure_after_the_header_keeps_the_status_sent_before():
    broken = {"time": at(10), "kind": "upstream_closed", "message": "upstream closed while reading upstream"}
    early = broken | {"message": "upstream closed while reading response header from upstream"}
    requests = access({"time": at(10.4), "status": 200, "upstream_status": 200})
    assert linked(errors_to_requests(errors(broken), requests)) == [0]
    assert linked(errors_to_requests(errors(early), requests)) == [None]


def test_a_warning_within_a_request_does_not_take_the_place_of_its_failure():
    found = errors_to_requests(
        errors({"time": at(8), "kind": "buffering_to_disk"}, {"time": at(10)}), access({"time": at(10.4)})
    )
    assert linked(found) == [0, 0]


def test_a_limit_refuses_before_an_upstream_is_called_or_delays():
    requests = access(
        {"time": at(10.2), "status": 200, "upstream_addr": FIRST}, {"time": at(10.4), "status": 429}
    )
    refused = {"time": at(10), "kind": "limit_req", "message": "limiting requests, excess: 1.2 by zone"}
    assert linked(errors_to_requests(errors(refused), requests)) == [1]
    delayed = refused | {"time": at(9), "message": "delaying request, excess: 1.2, by zone"}
    assert linked(errors_to_requests(errors(delayed), requests.iloc[:1])) == [0]


def test_a_log_of_whole_seconds_leaves_open_when_within_one_a_request_ended():
    found = errors_to_requests(
        errors({"time": at(10), "kind": "buffering_to_disk"}), access({"time": at(10), "request_time_s": 0.2})
    )
    assert linked(found) == [0]


def test_lines_about_no_request_are_distinguished():
    found = errors_to_requests(
        errors({"time": at(10), "kind": "startup", "path": None}, {"time": None}), access({"time": at(10.4)})
    )
    assert found["link"].tolist() == ["no_request", "no_request"]
    assert found["access_row"].isna().all()


def test_empty_logs_give_a_frame_with_the_same_columns():
    names = ["access_row", "candidates", "link"]
    assert list(errors_to_requests(empty("error_log"), empty("access_log")).columns) == names
    assert errors_to_requests(empty("error_log"), access({"time": at(10)})).empty
    found = errors_to_requests(errors({"time": at(10)}), empty("access_log"))
    assert found["link"].tolist() == ["none"]


@pytest.mark.slow
def test_every_timeout_of_a_recorded_incident_finds_its_own_504(data):
    folder = data / "health-threadpool"
    log, _ = read_access_log(RawFile(folder, "access.log"))
    failures, _ = read_error_log(RawFile(folder, "error.log"))
    found = errors_to_requests(failures, log)
    rows = found["access_row"].dropna()
    assert len(rows) == len(failures) == rows.nunique()
    requests = log.iloc[rows.astype(int)].reset_index(drop=True)
    assert (requests["status"] == 504).all()
    assert (requests["time"].dt.floor("s") == failures["time"]).all()


@pytest.mark.slow
def test_linking_takes_time_in_proportion_to_the_errors():
    def spent(count):
        # Two errors and two requests of each second agree, so that each second is a group of its own.
        seconds = [at(n // 2 * 10) for n in range(count)]
        logs = (
            errors(*({"time": one} for one in seconds)),
            access(*({"time": one + pd.Timedelta(milliseconds=400)} for one in seconds)),
        )
        began = time.process_time()
        links = errors_to_requests(*logs)
        assert set(links["link"]) == {"order"}
        return time.process_time() - began

    spent(100)
    assert spent(16_000) < 30 * max(spent(2_000), 0.01)


CONNECTING = "upstream timed out while connecting to upstream"
HEADER = "failed while reading response header from upstream"
BODY = "failed while reading upstream"


def one_by_one(cases):
    """Return whether each error is linked to the request of its case; the cases have different paths."""
    said = errors(*({"time": at(10), "path": f"/{n}"} | case[0] for n, case in enumerate(cases)))
    logged = access(*({"time": at(10.4), "path": f"/{n}"} | case[1] for n, case in enumerate(cases)))
    found = errors_to_requests(said, logged)
    assert found["link"].tolist() == ["none" if row is None else "alone" for row in linked(found)]
    assert found["candidates"].tolist() == [0 if row is None else 1 for row in linked(found)]
    return [row == n for n, row in enumerate(linked(found))]


def test_a_status_is_compared_with_what_nginx_records_for_a_failure():
    cases = [
        (kind, message, upstream, status, fits)
        for kind, message, upstream, noted in (
            ("upstream_timeout_connect", CONNECTING, FIRST, 504),
            ("upstream_timeout_header", HEADER, FIRST, 504),
            ("upstream_timeout_send", HEADER, FIRST, 504),
            ("upstream_refused", CONNECTING, FIRST, 502),
            ("upstream_unreachable", CONNECTING, FIRST, 502),
            ("no_live_upstream", "no live upstreams while connecting to upstream", None, 502),
            ("upstream_closed", HEADER, FIRST, 502),
            ("upstream_invalid", HEADER, FIRST, 502),
            ("upstream_reset", HEADER, FIRST, 502),
            ("client_closed", HEADER, FIRST, 499),
            ("open_files", CONNECTING, FIRST, 500),
        )
        for status, fits in ((noted, True), (200, False))
    ]
    # After the header its status was sent already, and other kinds fit any status.
    cases += [
        (kind, BODY, FIRST, 200, True)
        for kind in (
            "upstream_closed",
            "upstream_invalid",
            "upstream_reset",
            "upstream_timeout_body",
            "other",
        )
    ]
    # Without an upstream the client was not waiting for one.
    cases += [("client_closed", HEADER, None, 200, True), ("client_closed", BODY, FIRST, 200, True)]
    rows = [
        (
            {"kind": kind, "message": message, "upstream_addr": upstream},
            {"status": status, "upstream_addr": upstream},
        )
        for kind, message, upstream, status, _ in cases
    ]
    assert one_by_one(rows) == [fits for *_, fits in cases]
    # The status of the upstream counts before the status that was sent.
    header = {"kind": "upstream_timeout_header"}
    assert one_by_one(
        [(header, {"status": 200, "upstream_status": 504}), (header, {"status": 504, "upstream_status": 200})]
    ) == [True, False]


def test_what_one_log_does_not_know_is_not_compared():
    values = (
        ("method", "GET", "POST"),
        ("host", "api.example.com", "www.example.com"),
        ("upstream_addr", FIRST, SECOND),
        ("service", "a", "b"),
    )
    cases = [
        pair
        for name, one, other in values
        for pair in (
            ({name: one}, {name: one}),
            ({name: one}, {name: None}),
            ({name: None}, {name: one}),
            ({name: one}, {name: other}),
        )
    ]
    assert one_by_one(cases) == [True, True, True, False] * 4
    connections = [(7, '{"connection": "7"}'), (7, None), (None, '{"connection": "7"}')]
    connections += [(7, '{"connection": "8"}'), (7, '{"a": "7"}')]
    assert one_by_one([({"connection": one}, {"extra": extra}) for one, extra in connections]) == [
        True, True, True, False, True,
    ]  # fmt: skip
    clients = [
        ({"client_addr": "192.0.2.1"}, {"client_addr": one}) for one in ("192.0.2.1", None, "192.0.2.2")
    ]
    assert one_by_one(clients) == [True, True, False]
    # Without any address in common, the logs have addresses of different kinds.
    assert one_by_one(clients[1:]) == [True, True]


def test_an_error_lies_within_its_request():
    """The request took from 7.4 to 10.4; the seconds of both ends belong to it."""
    ending, within = {"kind": "upstream_timeout_header"}, {"kind": "buffering_to_disk"}
    seconds = [6, 7, 8, 9, 10, 11]
    assert one_by_one([(within | {"time": at(one)}, {}) for one in seconds]) == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    # An error that ends a try may have been followed by another try.
    assert one_by_one([(ending | {"time": at(one)}, {}) for one in seconds]) == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    # Requests of hours and of milliseconds, and one without a duration.
    logged = [{"request_time_s": 7200.0}, {"request_time_s": 0.001}, {"request_time_s": None}]
    assert one_by_one([(within | {"time": at(-3600)}, one) for one in logged]) == [True, False, False]
    assert one_by_one([(within, one) for one in logged]) == [True, True, True]


def test_the_end_of_a_request_comes_before_what_lies_within_others():
    said = errors({"time": at(10)}, {"time": at(11)})
    logged = access({"time": at(11.4)}, {"time": at(10.4)}, {"time": at(30), "request_time_s": 25.0})
    found = errors_to_requests(said, logged)
    assert (linked(found), found["link"].tolist()) == ([1, 0], ["alone", "alone"])
    assert found["candidates"].tolist() == [1, 1]
    # A warning may be of any request that was under way.
    found = errors_to_requests(errors({"time": at(10), "kind": "buffering_to_disk"}), logged)
    assert (linked(found), found["link"].tolist(), found["candidates"].tolist()) == (
        [None],
        ["ambiguous"],
        [3],
    )


def test_errors_and_requests_are_paired_in_the_order_of_their_lines():
    # The lines of the second log are in another order than its rows.
    said = errors({"time": at(10), "line": 9}, {"time": at(10), "line": 4}, {"time": at(10), "line": 6})
    logged = access(
        {"time": at(10.4), "line": 7}, {"time": at(10.5), "line": 5}, {"time": at(10.6), "line": 8}
    )
    found = errors_to_requests(said, logged)
    assert (linked(found), found["link"].tolist()) == ([2, 1, 0], ["order"] * 3)
    assert found["candidates"].tolist() == [3, 3, 3]
    for change in (
        said.assign(pid=[31, 32, 31]),
        said.assign(file=["error.log", "error.log", "other.log"]),
        said.iloc[:2],
    ):
        assert linked(errors_to_requests(change, logged)) == [None] * len(change)
    # An unknown worker does not count.
    assert linked(errors_to_requests(said.assign(pid=[31, None, 31]), logged)) == [2, 1, 0]
    # Requests of two logs are in no order.
    other = logged.assign(file=["access.log", "access.log", "b.log"])
    assert errors_to_requests(said, other)["link"].tolist() == ["ambiguous"] * 3


def test_errors_that_would_be_paired_against_what_they_say_are_not_paired():
    said = errors({"time": at(10), "method": "GET"}, {"time": at(10), "method": None})
    logged = access({"time": at(10.4), "method": "POST"}, {"time": at(10.5), "method": "GET"})
    # In their order the first would be of the POST; it fits the GET alone, but the other may be as well.
    assert errors_to_requests(said, logged)["link"].tolist() == ["ambiguous", "ambiguous"]
    found = errors_to_requests(said, logged.iloc[::-1].assign(line=[1, 2]))
    assert (linked(found), found["link"].tolist()) == ([0, 1], ["order", "order"])


def test_groups_of_different_seconds_do_not_touch():
    said = errors(*({"time": at(10 * n), "path": f"/{n % 2}"} for n in (1, 1, 2, 2, 3, 4, 4)))
    logged = access(*({"time": at(10 * n + 0.4), "path": f"/{n % 2}"} for n in (1, 1, 2, 3, 4, 4)))
    found = errors_to_requests(said, logged)
    assert linked(found) == [0, 1, None, None, 3, 4, 5]
    assert found["link"].tolist() == [*["order"] * 2, *["ambiguous"] * 2, "alone", *["order"] * 2]
    assert found["candidates"].tolist() == [2, 2, 1, 1, 1, 2, 2]


def test_pairs_are_compared_in_parts(monkeypatch):
    monkeypatch.setattr(error_requests, "_PAIRS_AT_ONCE", 2)
    test_groups_of_different_seconds_do_not_touch()


def test_a_retried_request_is_linked_in_a_log_without_tries_and_times():
    """Nginx is refused at one server and served by the next; a request that failed comes first."""
    refused = {"kind": "upstream_refused", "upstream_addr": FIRST, "message": "while connecting to upstream"}
    served, failed = ({"status": status, "request_time_s": None} for status in (200, 502))
    found = errors_to_requests(
        errors(*(refused | {"time": at(second)} for second in (10, 20, 30))),
        access(
            served | {"time": at(10)},
            failed | {"time": at(20)},
            served | {"time": at(20)},
            served | {"time": at(30), "upstream_status": 200, "upstream_addr": SECOND},
        ),
    )
    assert linked(found) == [0, 1, None]
    assert found["link"].tolist() == ["alone", "alone", "none"]
