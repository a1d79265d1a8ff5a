"""A surge of requests, and the client or agent that most of it comes from."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from click.testing import CliRunner
from worlds.together import together

from watchme_analysis.access_logs import surges
from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.surges import STEPS_S, Arrivals, SenderCounts, Surge, distinguishing_part
from watchme_analysis.cli.access import access

START = datetime(2025, 12, 11, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
BOT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 ExampleBot/2.1 Safari/537.36"


def requests_of(usual=1, surge=20, senders=("203.0.113.9",), agent=BOT, minutes=360, at=100):
    """Ordinary requests of four clients in each minute, and further ones in five minutes."""
    ordinary = [(minute * 60 + 7, f"192.0.2.{minute % 4}", BROWSER) for minute in range(minutes)] * usual
    further = [
        ((at + number % 5) * 60 + 9, senders[number % len(senders)], agent) for number in range(5 * surge)
    ]
    return sorted(ordinary + further)


def table_of(requests):
    times, clients, agents = zip(*requests, strict=True)
    moments = pa.array([START + timedelta(seconds=one) for one in times], pa.timestamp("us", "UTC"))
    texts = [pa.array(one, pa.large_string()) for one in (clients, agents)]
    return pa.table({"time": moments, "client_addr": texts[0], "user_agent": texts[1]})


def surge_of(requests):
    arrivals = Arrivals()
    arrivals.add(table_of(requests)["time"])
    return arrivals.surge()


def leading(requests):
    senders = SenderCounts(surge_of(requests))
    senders.add(table_of(requests))
    return senders.leading()


def test_a_surge_is_far_more_requests_than_usual_in_some_steps():
    surge = surge_of(requests_of())

    assert (surge.start, surge.end) == (START + timedelta(minutes=100), START + timedelta(minutes=105))
    assert (surge.requests, surge.usual, surge.step_s) == (105, 1.0, 60)
    assert surge_of(requests_of(surge=2)) is None
    assert surge_of(requests_of(usual=10, surge=20)) is None


def test_the_client_and_the_agent_of_a_surge_are_named():
    found = leading(requests_of())

    assert (found["client"]["value"], found["client"]["requests"]) == ("203.0.113.9", 100)
    assert found["client"]["excess_pct"] == 100
    assert (found["agent"]["value"], found["agent"]["distinguishing"]) == (BOT, "ExampleBot/2.1")


def test_an_agent_with_many_clients_is_named_alone():
    found = leading(requests_of(senders=[f"203.0.113.{number}" for number in range(50)]))

    assert [*found] == ["agent"]


def test_nobody_is_named_who_sends_most_requests_anyway():
    requests = [(time, "192.0.2.1", BROWSER) for time, *_ in requests_of()]

    assert leading(requests) == {}


def test_steps_are_coarsened_and_merged_without_loss():
    requests = requests_of(minutes=3000)
    whole, first, second = Arrivals(), Arrivals(), Arrivals(step_s=STEPS_S[1])
    whole.add(table_of(requests)["time"])
    first.add(table_of(requests[::2])["time"])
    second.add(table_of(requests[1::2])["time"])
    first.merge(second)

    assert first.step_s == STEPS_S[1]
    assert first.surge() == whole.surge()


def test_senders_of_parts_add_up():
    requests = requests_of()
    surge = surge_of(requests)
    whole, first, second = (SenderCounts(surge) for _ in range(3))
    whole.add(table_of(requests))
    first.add(table_of(requests[::2]))
    second.add(table_of(requests[1::2]))
    first.merge(second)

    assert first.leading() == whole.leading()


@pytest.mark.parametrize(
    ("agent", "part"),
    [
        ("curl/8.5.0", "curl/8.5.0"),
        ("Mozilla/5.0 (compatible; ExampleBot/2.1; +http://example.com/bot)", "ExampleBot/2.1"),
        (f"{BROWSER} Edg/126", "Edg/126"),
        ("-", "-"),
    ],
)
def test_the_part_of_an_agent_that_others_lack(agent, part):
    assert distinguishing_part(agent, {BROWSER: 90.0, agent: 1.0}) == part


def test_the_command_names_the_client(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(
        "".join(
            f"{client} - - [{START + timedelta(seconds=at):%d/%b/%Y:%H:%M:%S} +0000] "
            f'"GET /health HTTP/1.1" 200 15 "-" "{agent}"\n'
            for at, client, agent in requests_of()
        )
    )

    page = CliRunner().invoke(access, [str(log)], standalone_mode=False)
    found = json.loads(CliRunner().invoke(access, [str(log), "--json"], standalone_mode=False).stdout)[
        "surge"
    ]
    piped = CliRunner().invoke(access, ["-", "--json"], input=log.read_bytes(), standalone_mode=False)
    narrow = CliRunner().invoke(
        access, [str(log), "--only", "client=192.0.2.1", "--json"], standalone_mode=False
    )

    assert "--only client=203.0.113.9" in page.stdout
    assert "--only 'agent=*ExampleBot/2.1*'" in page.stdout
    assert (found["client"]["value"], found["senders_counted"]) == ("203.0.113.9", True)
    assert json.loads(narrow.stdout)["surge"] is None
    assert json.loads(piped.stdout)["surge"]["senders_counted"] is False


def arrivals_of(*counts, step_s=1):
    """Return the arrivals of so many requests in each second."""
    found = Arrivals(step_s)
    times = [START + timedelta(seconds=at) for at, count in enumerate(counts) for _ in range(count)]
    found.add(pa.chunked_array([pa.array(times, pa.timestamp("us", "UTC"))]))
    return found


@together(
    ("counts", "expected"),
    [
        # Usually 20 in a second: the limit is 80, four times as many.
        ([20] * 8 + [79], None),
        ([20] * 8 + [80], (8, 1, 80, 20.0, 9)),
        # Usually 1: five deviations more are 6, but a surge needs 50 requests above the usual.
        ([1] * 8 + [50], None),
        ([1] * 8 + [51], (8, 1, 51, 1.0, 9)),
        ([1] * 30 + [6] * 9, None),
        ([1] * 30 + [6] * 10, (30, 10, 60, 1.0, 40)),
        ([1] * 30 + [5] * 20, None),
        # The median of an even number of steps, without empty ones.
        ([10, 0, 20, 0, 0, 100], (5, 1, 100, 20.0, 6)),
        ([10, 0, 20, 0, 30, 0, 200], (6, 1, 200, 25.0, 7)),
        ([], None),
    ],
)
def test_a_surge_has_four_times_the_usual_requests(counts, expected):
    surge = arrivals_of(*counts).surge()
    if expected is None:
        assert surge is None
        return
    first, steps, requests, usual, all_steps = expected
    assert (surge.step_s, len(surge.steps), surge.requests) == (1, steps, requests)
    assert (surge.usual, surge.all_steps, surge.excess) == (usual, all_steps, requests - usual * steps)
    assert surge.report() == {
        "start": START + timedelta(seconds=first),
        "end": START + timedelta(seconds=first + steps),
        "step_s": 1,
        "steps": steps,
        "requests": requests,
        "usual_requests": usual * steps,
    }


@together(("seconds", "step_s"), [(2999, 1), (3000, 10), (17_999, 10), (18_000, 60)])
def test_steps_are_the_longest_of_which_there_are_three_hundred(seconds, step_s):
    counts = [1] + [0] * (seconds - 2) + [400]
    found = arrivals_of(*counts).surge()
    # The step of the single request is the only other one.
    assert found is None or found.step_s == step_s
    several = arrivals_of(*([1] * (seconds - 1)), 4000).surge()
    assert several.step_s == step_s


def test_many_steps_are_coarsened(monkeypatch):
    monkeypatch.setattr(surges, "_MOST_STEPS", 5)
    monkeypatch.setattr("watchme_analysis.access_logs.grouped_sums._MOST_PARTS", 1)
    found = arrivals_of(1, 1, 1, 1, 1)
    assert (found.step_s, len(found._counts)) == (1, 5)
    found.merge(arrivals_of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2))
    assert found.step_s == 10
    first = int(START.timestamp()) // 10
    assert [one.tolist() for one in found._counts.columns()] == [[first, first + 1], [5.0, 2.0]]
    # Further requests are counted by the longer steps.
    found.add(pa.chunked_array([pa.array([START], pa.timestamp("us", "UTC"))]))
    assert found._counts.columns()[1].tolist() == [6.0, 2.0]
    # The longest step is a day, of which there may be any number.
    long = Arrivals(86_400)
    long.add(
        pa.chunked_array(
            [pa.array([START + timedelta(days=at) for at in range(9)], pa.timestamp("us", "UTC"))]
        )
    )
    assert (long.step_s, len(long._counts)) == (86_400, 9)


def test_requests_without_a_time_are_left_out():
    times = pa.chunked_array([pa.array([START, None, START], pa.timestamp("us", "UTC"))])
    found = Arrivals()
    found.add(times)
    found.add(times.slice(1, 1))
    assert found._counts.columns()[1].tolist() == [2.0]


def senders_of(*rows):
    """Return the senders of rows of (second, client, agent), with a surge in the second 10."""
    surge = Surge(frozenset({int(START.timestamp()) + 10}), 1, 110, 10.0, 11)
    found = SenderCounts(surge)
    found.add(table_of(rows))
    return found


@together(
    ("requests", "expected"),
    [
        # Of the 100 requests above the usual ones, at least 60 must be of the client.
        ([(10, "192.0.2.9", None)] * 60, {"value": "192.0.2.9", "requests": 60, "excess_pct": 60.0}),
        ([(10, "192.0.2.9", None)] * 59, None),
        # Its usual requests do not count as excess: 10 in ten seconds are 1 in the second of the surge.
        ([(10, "192.0.2.9", None)] * 60 + [(at, "192.0.2.9", None) for at in range(10)], None),
        (
            [(10, "192.0.2.9", None)] * 61 + [(at, "192.0.2.9", None) for at in range(10)],
            None,  # it sends all of the other requests, too
        ),
        (
            [(10, "192.0.2.9", None)] * 61
            + [(at, "192.0.2.9", None) for at in range(10)]
            + [(at, "192.0.2.8", None) for at in range(10)],
            {"value": "192.0.2.9", "requests": 61, "excess_pct": 60.0},
        ),
        ([(10, "192.0.2.9", None)] * 150, {"value": "192.0.2.9", "requests": 150, "excess_pct": 100.0}),
        ([(10, None, None)] * 100, None),
        ([], None),
    ],
)
def test_a_client_sends_most_of_the_excess(requests, expected):
    found = senders_of(*requests) if requests else SenderCounts(senders_of((10, "a", "b")).surge)
    assert found.leading() == ({} if expected is None else {"client": expected})


def test_the_columns_of_senders_are_those_of_their_filter_too():
    surge = senders_of((10, "a", "b")).surge
    assert SenderCounts(surge).columns == ("time", "client_addr", "user_agent")
    choice = RequestFilter(1.0, (("status", "5xx"),))
    chosen = SenderCounts(surge, choice)
    assert chosen.columns == ("time", "client_addr", "user_agent", "request_time_s", "status")
    table = table_of([(10, "192.0.2.9", BOT)] * 4)
    table = table.append_column("status", pa.array([500, 200, 503, 500]))
    chosen.add(table.append_column("request_time_s", pa.array([1.0, 2.0, 0.5, None])))
    assert chosen._counts["client"].columns()[2].tolist() == [1.0]
    # Requests without a time are of no step.
    chosen = SenderCounts(surge)
    chosen.add(table_of([(10, "a", "b")]).set_column(0, "time", pa.array([None], pa.timestamp("us", "UTC"))))
    assert chosen._names["client"].texts() == []


def test_the_rarest_senders_are_left_out(monkeypatch):
    monkeypatch.setattr(surges, "_MOST_SENDERS", 2)
    found = senders_of(*[(10, "a", "x")] * 3, (9, "b", "x"), (10, "c", "x"), (10, "c", "x"), (9, "d", "x"))
    assert found._names["client"].texts() == ["a", "b", "c", "d"], "twice as many are kept at first"
    other = senders_of((10, "e", "x"), (9, "c", "y"), (10, "a", "x"))
    found.merge(other)
    assert found._names["client"].texts() == ["a", "c"]
    assert [one.tolist() for one in found._counts["client"].columns()] == [
        [0, 1, 1],
        [1, 0, 1],
        [4.0, 1.0, 2.0],
    ]
    assert found._names["agent"].texts() == ["x", "y"]


@together(
    ("agent", "others", "part"),
    [
        ("a/1 b/2", {"a/1": 3.0}, "b/2"),
        ("a/1 b/2", {"a/1": 3.0, "b/2": 4.0}, "a/1"),
        ("a b/2", {}, "b/2"),  # a product with its version
        ("http://example.com/ a", {}, "a"),
        ("a/1 a/1", {"a/1 a/1": 5.0, "c": 1.0}, "a/1"),  # requests of the agent itself do not count
        ("12 (34)", {}, "12 (34)"),
    ],
)
def test_a_part_is_distinguishing_by_the_requests_of_others(agent, others, part):
    assert distinguishing_part(agent, others) == part
