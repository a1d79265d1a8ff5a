import json

import pandas as pd
import pytest

from watchme_analysis.health.configuration import differences, routes
from watchme_analysis.health.response_rhythm import count_bunched_responses, response_rhythm
from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2026-03-02T04:00:00Z")
BOUNDS = (START + pd.Timedelta(seconds=30), START + pd.Timedelta(seconds=60))


def moments(seconds):
    return pd.Series([START + pd.Timedelta(seconds=second) for second in seconds])


def even(begin, end, step=0.21):
    return [begin + step * n for n in range(int((end - begin) / step))]


def test_a_blocked_loop_is_silent_and_then_answers_in_bursts():
    bursts = [30 + 3 * n + 0.002 * k for n in range(1, 10) for k in range(12)]
    shape = response_rhythm(moments(even(0, 30) + bursts + even(60, 80)), *BOUNDS)
    assert shape.burst_share > 0.8
    assert shape.silent_share > 0.9
    assert shape.longest_silence_s == pytest.approx(3, abs=0.1)
    assert shape.usual_burst_share == 0


def test_a_steady_application_is_neither():
    shape = response_rhythm(moments(even(0, 90)), *BOUNDS)
    assert shape.burst_share < 0.05
    assert shape.silent_share < 0.05


def test_no_answer_at_all_is_one_long_silence():
    shape = response_rhythm(moments(even(0, 30) + even(60.5, 90)), *BOUNDS)
    assert shape.silent_share == pytest.approx(1)
    assert shape.answers == 0


@pytest.mark.parametrize("seconds", [[], list(range(90)), even(30, 60)])
def test_without_calm_or_fine_times_nothing_is_said(seconds):
    assert response_rhythm(moments(seconds), *BOUNDS) is None


def requests(rows):
    return pd.DataFrame(
        {
            "nginx_start": moments(row[0] for row in rows),
            "nginx_end": moments(row[1] for row in rows),
            "route": [row[2] for row in rows],
        }
    )


def test_answers_of_several_endpoints_that_leave_together_are_a_bunch():
    rows = [(1.0, 4.0, "/a"), (2.0, 4.005, "/b"), (3.0, 4.01, "/a"), (5.0, 7.0, "/a")]
    assert count_bunched_responses(requests(rows)) == (3, 4, 1)


def test_answers_of_one_endpoint_or_of_one_moment_are_none():
    alike = [(1.0, 4.0, "/a"), (2.0, 4.005, "/a"), (3.0, 4.01, "/a")]
    at_once = [(3.90, 4.0, "/a"), (3.91, 4.005, "/b"), (3.92, 4.01, "/a")]
    assert count_bunched_responses(requests(alike)) == (0, 3, 0)
    assert count_bunched_responses(requests(at_once)) == (0, 3, 0)
    assert count_bunched_responses(requests([])) == (0, 0, 0)


def configuration(*locations):
    rows = [
        (0, None, "http", [], True),
        (1, 0, "server", [], True),
        (2, 1, "proxy_read_timeout", ["9s"], False),
    ]
    number = 3
    for args, directives in locations:
        place = number
        rows.append((place, 1, "location", args.split(), True))
        for name, value in directives.items():
            number += 1
            rows.append((number, place, name, value.split(), False))
        number += 1
    frame = pd.DataFrame(rows, columns=["id", "parent", "directive", "args", "block"])
    frame["args"] = frame["args"].map(json.dumps)
    return conform("config_directives", frame.assign(file="nginx.conf", line=frame["id"] + 1, layer="nginx"))


def test_an_exact_location_is_compared_with_the_one_it_was_taken_from():
    nginx, edge = routes(
        configuration(
            ("/", {"proxy_pass": "http://192.0.2.11:8000"}),
            ("= /health", {"proxy_pass": "http://192.0.2.99:9001", "limit_conn": "peer 1"}),
        )
    )
    mine, wider = nginx.serving("/health"), nginx.wider("/health")
    assert (mine.label, mine.addresses) == ("location = /health", ("192.0.2.99:9001",))
    assert wider.addresses == ("192.0.2.11:8000",)
    assert set(differences(mine, wider)) == {"proxy_pass", "limit_conn"}
    assert mine.value("proxy_read_timeout") == "9s"
    assert "proxy_read_timeout" not in mine.own
    assert not edge


def test_a_prefix_of_a_service_is_its_own_by_right():
    nginx, _ = routes(
        configuration(
            ("/", {"proxy_pass": "http://192.0.2.11:8000"}),
            ("/other/", {"proxy_pass": "http://192.0.2.12:8000"}),
        )
    )
    assert nginx.wider("/other/health") is None
    assert nginx.serving("/other/health").addresses == ("192.0.2.12:8000",)


def test_no_configuration_serves_nothing():
    nginx, edge = routes(empty("config_directives"))
    assert not nginx
    assert not edge
    assert nginx.serving("/health") is None
    assert nginx.wider("/health") is None
