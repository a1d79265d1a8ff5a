import itertools
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds.aws_front import FAST
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.insights.cached import queries_by_groups
from watchme_analysis.cloudwatch.insights.log_groups import matching_log_groups, queryable_log_groups
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.query_run import run_queries
from watchme_analysis.cloudwatch.insights.window_planner import QueryWindow, windows_by_count
from watchme_analysis.cloudwatch.response_cache import ResponseCache
from watchme_analysis.cloudwatch.session import Aws, CancelledError
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
T0 = int(START.timestamp()) * 1000
GROUP = "/aws/lambda/sed-worker"
RAW = "fields @timestamp, @message | sort @timestamp asc"


def ask(text=RAW, start=START, end=START + timedelta(hours=1), **more):
    """A query whose group is said to have got one event, so that it is queried whole first."""
    more.setdefault("counts", ((T0 // 1000, 1),))
    return InsightsQuery(text, (GROUP,), Window(start, end), **more)


@pytest.fixture
def aws():
    return Aws(rate_limits=FAST)


def counted(offsets_ms, bin_s=60):
    """What came into the group, as CloudWatch counts it."""
    bins = Counter((T0 + offset) // 1000 // bin_s * bin_s for offset in offsets_ms)
    return {"counts": tuple(sorted(bins.items())), "counts_bin_s": bin_s}


def load(front, offsets_ms):
    front.engine.load(GROUP, [(T0 + offset, f"event {n}", "s") for n, offset in enumerate(offsets_ms)])


def numbers(answer):
    return [int(row["@message"].split()[1]) for row in answer.rows]


def test_an_arn_as_aws_lists_it_names_its_group(front, aws):
    load(front, [0])
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    front.engine.tables[arn] = front.engine.tables[GROUP]
    groups = [*matching_log_groups(aws, ResponseCache(), [f"{arn}:*", arn])]
    assert groups == [arn]
    assert numbers(run_queries(aws, [replace(ask(), log_groups=tuple(groups))])[0]) == [0]


@pytest.mark.parametrize(
    ("query", "searched", "left_out"),
    [
        (RAW, ["/app/a", "/app/b"], [("/app/c", "DELIVERY")]),
        (
            "fields @message | pattern @message",
            ["/app/a"],
            [("/app/c", "DELIVERY"), ("/app/b", "INFREQUENT_ACCESS")],
        ),
    ],
)
def test_log_classes_that_cannot_answer_are_left_out_by_name(query, searched, left_out):
    groups = {"/app/a": "STANDARD", "/app/b": "INFREQUENT_ACCESS", "/app/c": "DELIVERY"}
    listed = [{"logGroupName": name, "logGroupClass": log_class} for name, log_class in groups.items()]

    def search(pattern):
        aws = ScriptedAws(describe_log_groups=[{"logGroups": listed}])
        return queryable_log_groups(aws, ResponseCache(), [pattern], query)

    found = search("/app/*")
    said = [messages_in(text.message)["insights-class"] for text in found.notes]
    assert found.names == searched
    assert [(*values["groups"], values["kind"]) for values in said] == left_out
    with pytest.raises(InputError):
        search("/app/c*")


@pytest.mark.parametrize(("text", "notes"), [("stats count(*)", ["insights-blocks"]), (RAW, [])])
def test_blocks_of_fifty_groups_are_noted_where_they_count(text, notes):
    groups = [f"/app/{number}" for number in range(51)]
    first, second = queries_by_groups(text, groups, Window(START, START + timedelta(hours=1)))
    assert [note.message.id for note in first.notes] == notes
    assert second.notes == ()


def test_log_streams_separate_the_rows_of_a_millisecond(front, aws):
    streams = [f'worker "{number % 7}"' for number in range(600)]
    front.engine.load(GROUP, [(T0 + 60_000, f"event {n}", stream) for n, stream in enumerate(streams)])
    answer = run_queries(aws, [ask()], row_limit=100)[0]
    assert sorted(numbers(answer)) == list(range(600))
    assert not answer.truncated


def test_a_refused_limit_is_lowered(front, aws):
    front.cap = 10_000
    load(front, range(0, 3_600_000, 200))
    answer = run_queries(aws, [ask()])[0]
    assert sorted(numbers(answer)) == list(range(18_000))
    assert not answer.truncated
    assert {sent["limit"] for sent in front.started} == {10_000}


def test_a_burst_in_one_millisecond_says_truncated(front, aws):
    load(front, [0, *([60_000] * 300), 120_000])
    answer = run_queries(aws, [ask()], row_limit=100)[0]
    assert answer.truncated
    assert any("one millisecond" in note for note in answer.notes)
    assert {0, 301} <= set(numbers(answer))
    assert len(numbers(answer)) == len(set(numbers(answer)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["stats count(*) as n by bin(5m)", "fields @message | dedup @message", "fields @message | limit 7"],
)
def test_other_queries_are_never_split(front, aws, text):
    load(front, range(0, 3_600_000, 1000))
    answer = run_queries(aws, [ask(text)], row_limit=10_000)[0]
    assert answer.queries_started == 1
    assert len(answer.rows) == {"s": 12, "d": 3600, "l": 7}[text.split("| ")[-1][0]]


@pytest.mark.slow
def test_a_lower_limit_than_was_requested_loses_nothing_in_silence(front, aws):
    front.most_rows = 10_000
    load(front, [*range(0, 3_600_000, 1000), *(1_800_000 + n // 15 for n in range(15_000))])
    answer = run_queries(aws, [ask()])[0]
    assert sorted(numbers(answer)) == list(range(18_600))
    assert not answer.truncated
    for whole in ("stats count(*) as n by @message", "fields @message | limit 18000"):
        answer = run_queries(aws, [ask(whole)])[0]
        assert (len(answer.rows), answer.truncated) == (10_000, True)
    answer = run_queries(aws, [ask("fields @message | limit 10000")])[0]
    assert (len(answer.rows), answer.truncated) == (10_000, False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["throttle", "500", "reset", "busy"])
def test_passing_faults_are_waited_out(front, aws, fault):
    load(front, range(100))
    front.faults["StartQuery"].extend([fault, fault])
    if fault != "busy":
        front.faults["GetQueryResults"].extend([fault, None, fault])
    assert len(run_queries(aws, [ask()])[0].rows) == 100


def test_faults_that_last_are_an_error_in_a_sentence(front, aws):
    load(front, [0])
    front.faults["StartQuery"].extend(["throttle"] * 20)
    with pytest.raises(RetryableServiceError, match=r"ThrottlingException.*try again later"):
        run_queries(aws, [ask()])[0]
    front.faults["StartQuery"].clear()
    front.faults["StartQuery"].append("denied")
    with pytest.raises(ServiceError, match="print-policy"):
        run_queries(aws, [ask()])[0]
    with pytest.raises(ServiceError, match="does not exist"):
        run_queries(aws, [InsightsQuery(RAW, ("/nowhere",), ask().window)])[0]
    with pytest.raises(ServiceError, match="MalformedQuery"):
        run_queries(aws, [ask("frobnicate @message")])[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "next_step"),
    [
        ("stale", "log in again, or give another --profile"),
        ("clock", "check this machine's clock, or log in again"),
        ("denied", "`watchme case pull --print-policy` prints the permissions needed"),
        ("malformed", r"check the request \(names, parameters, window\)"),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do_next(front, aws, fault, next_step):
    load(front, [0])
    front.faults["StartQuery"].append(fault)
    with pytest.raises(
        ServiceError, match=rf"logs:StartQuery in ap-southeast-2 returned \w+: .*: {next_step}\.$"
    ):
        run_queries(aws, [ask()])[0]
    assert front.calls["StartQuery"] == 1


@pytest.mark.slow
def test_the_deadline_stops_what_runs_and_says_so(front, aws):
    front.polls = 10_000
    load(front, range(10))
    answer = run_queries(aws, [ask()], deadline_s=0.2)[0]
    assert answer.truncated
    assert any("deadline" in note for note in answer.notes)
    assert front.stopped == ["query-0"]
    assert answer.bytes_scanned > 0  # stopped, and paid for all the same


@pytest.mark.slow
def test_at_the_ceiling_nothing_more_is_queried(front, aws):
    offsets = range(500, 3_600_000, 1000)
    load(front, offsets)
    (answer,) = run_queries(aws, [ask(**counted(offsets))], row_limit=100, max_scan_bytes=20_000)
    assert (answer.truncated, answer.status) == (True, "Stopped")
    assert any("more than the ceiling" in note for note in answer.notes)
    assert 20_000 < answer.bytes_scanned < 80_000
    assert len(answer.rows) < 3600


@pytest.mark.slow
def test_what_was_answered_is_kept_when_the_rest_breaks_off(front, aws):
    load(front, range(10))
    front.faults["StartQuery"].extend([None] + ["throttle"] * 20)
    answers = run_queries(Aws(rate_limits=replace(FAST, concurrent_queries=1)), [ask(), ask()])
    assert [(len(answer.rows), answer.truncated) for answer in answers] == [(10, False), (0, True)]
    assert any("It broke off: logs:StartQuery" in note for note in answers[1].notes)


def test_giving_up_or_failing_stops_everything_in_flight(front, aws):
    front.polls = 10_000
    load(front, range(10))

    def give_up(_):
        if front.calls["GetQueryResults"] > 3:
            aws.cancelled.set()

    with pytest.raises(CancelledError):
        run_queries(aws, [ask(), ask()], progress=give_up)
    assert sorted(front.stopped) == ["query-0", "query-1"]
    other = Aws(rate_limits=FAST)
    front.stopped.clear()
    front.faults["GetQueryResults"].extend([None] * 3 + ["denied"])
    with pytest.raises(ServiceError):
        run_queries(other, [ask(), ask()])
    assert len(front.stopped) == 2


def test_an_interrupt_stops_everything_in_flight(front, aws):
    front.polls = 10_000
    load(front, range(10))

    def interrupt(_):
        if front.calls["GetQueryResults"] > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_queries(aws, [ask()], progress=interrupt)
    assert front.stopped == ["query-0"]


def command(*words):
    code = "from watchme_analysis.cli import main; main()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], **pipes)


@pytest.mark.slow
def test_nothing_runs_on_when_the_command_is_interrupted(front, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    front.polls = 10**9
    groups = [f"/aws/lambda/worker-{n}" for n in range(120)]
    for group in groups:
        front.engine.tables[group] = "events_none"
    front.engine.connection.execute(
        "create table events_none (ts bigint, message text, stream text, ptr text, log_group text)"
    )
    words = [word for group in groups for word in ("--log-group", group)]
    process = command("query", "run", "worker_timeouts", "--since", "1h", *words)
    while front.calls["GetQueryResults"] < 4 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert sorted(front.stopped) == ["query-0", "query-1", "query-2"]
    assert "stopped" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_one_query_that_is_refused_costs_no_other(front, aws):
    load(front, [0, 1])
    gone = InsightsQuery(RAW, ("/nowhere",), ask().window)
    answers = run_queries(aws, [gone, ask()])
    assert [answer.status for answer in answers] == ["Refused", "Complete"]
    assert answers[0].truncated
    assert any("/nowhere could not be queried" in note for note in answers[0].notes)
    assert len(answers[1].rows) == 2


bursts = st.lists(
    st.tuples(
        st.integers(0, 590), st.integers(1, 60), st.sampled_from([1, 50, 1000, 30_000]), st.integers(0, 999)
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    bursts=bursts,
    accident=st.sampled_from(["none", "timeouts", "failed once", "failed"]),
    cap=st.integers(5, 60),
    whole=st.booleans(),
    seed=st.integers(0, 9),
    rising=st.booleans(),
    known=st.sampled_from(["nothing", "wrong", "minutes", "seconds"]),
)
def test_rows_come_exactly_once_or_it_says_truncated(front, bursts, cap, **more):
    whole, seed, rising, known, accident = (
        more[name] for name in ("whole", "seed", "rising", "known", "accident")
    )
    spread = random.Random(seed)
    offsets = [
        min(second * 1000 + start + spread.randrange(width), 599_999)
        for second, count, width, start in bursts
        for _ in range(count)
    ]
    front.end_is_whole_second = whole
    front.faults.clear()
    for operation in ("StartQuery", "GetQueryResults"):
        for _ in range(5):
            # Never more in a row than are waited out.
            front.faults[operation].extend([spread.choice([None, "throttle", "reset", "500"]), None])
    front.faults["GetQueryResults"].extend([None] * spread.randrange(20) + ["expired"] * (seed == 3))
    front.page = spread.choice([7, 10_000])
    front.slots = spread.choice([1, 3, 100])
    front.timeout_over_s = 200 if accident == "timeouts" else None
    front.fail_next = {"failed once": 1, "failed": 10}.get(accident, 0)
    load(front, offsets)
    order = "asc" if rising else "desc"
    counts = {
        "nothing": {"counts": ()},
        "wrong": counted([spread.randrange(600_000) for _ in range(200)]),
        "minutes": counted(offsets),
        "seconds": counted(offsets, 1),
    }[known]
    text = f"fields @timestamp, @message | sort @timestamp {order}"
    query = ask(text, end=START + timedelta(minutes=10), **counts)
    answer = run_queries(Aws(rate_limits=FAST), [query], row_limit=cap)[0]
    got = numbers(answer)
    assert len(got) == len(set(got))
    times = [row["@timestamp"] for row in answer.rows]
    assert all(a <= b if rising else a >= b for a, b in itertools.pairwise(times))
    if not answer.truncated:
        assert sorted(got) == list(range(len(offsets)))
    else:
        crowded = max(Counter(offsets).values())
        assert crowded > cap or accident == "failed"


@given(
    counts=st.dictionaries(st.integers(0, 59), st.integers(0, 500)),
    most_rows=st.integers(1, 200),
    start=st.integers(0, 3_000_000),
    length=st.integers(1, 3_600_000),
)
def test_windows_partition_the_interval(counts, most_rows, start, length):
    window = QueryWindow(start, start + length)
    bins = [(60 * minute, rows) for minute, rows in sorted(counts.items())]
    parts = windows_by_count(window, bins, 60, most_rows)
    assert (parts[0].from_ms, parts[-1].to_ms) == (window.from_ms, window.to_ms)
    assert all(a.to_ms == b.from_ms for a, b in itertools.pairwise(parts))
    assert all(part.length_ms > 0 for part in parts)
    halves = window.parts(2)
    assert (len(halves) > 1) == (length > 1)
