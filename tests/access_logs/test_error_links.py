import json

import pandas as pd
import pytest
from worlds.request_rows import at
from worlds.together import together

from watchme_analysis.access_logs.access_log import read_access_log
from watchme_analysis.access_logs.error_log import read_error_log
from watchme_analysis.access_logs.error_requests import errors_to_requests
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import conform

FIRST, SECOND = "192.0.2.20:8017", "192.0.2.21:8017"


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
