"""Queries through the cache, their estimates, and the log queries of a pull."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.cli_output import query_entry, query_response
from watchme_analysis.cloudwatch.insights.cached import (
    QueryOptions,
    get_log_rows,
    log_groups_label,
    merge_results,
    queries_by_groups,
    query_cached,
    query_targets,
    result_frames,
)
from watchme_analysis.cloudwatch.insights.incident_queries import (
    ALL_EVENTS,
    PulledLogs,
    pull_queries,
    run_log_queries,
)
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
from watchme_analysis.cloudwatch.insights.query_library import library_query
from watchme_analysis.cloudwatch.insights.scan_cost import (
    IncomingVolume,
    ScanEstimate,
    check_ceiling,
    estimate_scan,
    incoming_volumes,
    planned_queries,
    with_scan_estimate,
)
from watchme_analysis.cloudwatch.response_cache import CacheMissError, ResponseCache, ResponseStore
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.text.message import message_of
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
END = START + timedelta(minutes=2)
RAW = "fields @timestamp, @message | sort @timestamp asc"
NEWEST = "fields @timestamp, @message"
COUNT = "stats count(*) as n"


def written(second):
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def rows_at(*seconds):
    return [{"@timestamp": written(second), "@message": "a", "@ptr": f"at {second}"} for second in seconds]


def done(rows, status="Complete", **statistics):
    return [{"status": status, "rows": rows, "statistics": statistics}]


def query(text=RAW, end=END, group="g", start=START, **more):
    more.setdefault("counts", ((FIRST, 1), (FIRST + 60, 1), (FIRST + 120, 1), (FIRST + 180, 1)))
    return InsightsQuery(text, (group,), Window(start, end), **more)


def notes_of(notes):
    return [next(iter(messages_in(message_of(each)).items())) for each in notes]


@pytest.fixture
def store(tmp_path):
    return ResponseStore(tmp_path, "here")


def ask(store, asked, *scripts, **how):
    """Return the result of a query through a cache, and the account that was called."""
    aws = ScriptedAws(*scripts)
    before = datetime.now(UTC)
    (result,) = query_cached(aws, [asked], QueryOptions(ResponseCache(store, **how)))
    if result.cached_at is not None:
        assert result.cached_at <= before
    return result, aws


def test_settled_rows_are_scanned_once(store):
    first, _ = ask(store, query(), done(rows_at(1, 2), recordsScanned=7, bytesScanned=9))
    assert (first.rows, first.bytes_scanned, first.cached_at) == (rows_at(1, 2), 9, None)
    again, aws = ask(store, query())
    assert (aws.started, again.rows, again.records_matched) == ([], rows_at(1, 2), 2.0)
    assert (again.bytes_scanned, again.queries_started, again.records_scanned) == (0, 0, 7)
    assert again.cached_at is not None
    ((name, values),) = notes_of(again.notes)
    assert (name, values["end"]) == ("insights-cached", END.isoformat())
    assert values["taken"] == again.cached_at.isoformat()
    # An earlier end: the rows before it.
    part, aws = ask(store, query(end=START + timedelta(seconds=2)))
    assert (aws.started, part.rows, part.records_matched) == ([], rows_at(1), 1.0)
    with pytest.raises(CacheMissError) as raised:
        ask(store, query("fields @message", name="mine"), offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"]["name"] == "mine"
    with pytest.raises(CacheMissError) as raised:
        ask(store, query("fields @message"), offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"]["name"] == "'fields @message'"


@pytest.mark.parametrize(("text", "order"), [(RAW, [1, 2, 130]), (NEWEST, [130, 2, 1])])
def test_of_a_longer_window_the_rest_is_queried(store, text, order):
    rows = rows_at(1, 2) if text == RAW else rows_at(2, 1)
    ask(store, query(text), done(rows, recordsScanned=7, bytesScanned=9))
    longer = query(text, end=START + timedelta(minutes=4))
    result, aws = ask(store, longer, done(rows_at(130), recordsScanned=2, bytesScanned=3))
    (started,) = aws.started
    assert (started["startTime"] - FIRST, started["endTime"] - FIRST) == (120, 240)
    assert result.rows == rows_at(*order)
    assert (result.query, result.records_matched) == (longer, 3.0)
    # The cached part was paid for before.
    assert (result.bytes_scanned, result.records_scanned, result.queries_started) == (3, 9, 1)
    assert [name for name, _ in notes_of(result.notes)] == ["insights-cached"]
    assert notes_of(result.notes)[0][1]["end"] == END.isoformat()
    # Now all of it is in the cache.
    assert ask(store, longer)[0].rows == rows_at(*order)


def test_an_incomplete_rest_is_not_stored(store):
    ask(store, query(), done(rows_at(1)))
    longer = query(end=START + timedelta(minutes=4))
    result, _ = ask(store, longer, done(rows_at(130), "Cancelled", recordsMatched=5))
    assert (result.status, result.truncated, result.rows) == ("Cancelled", True, rows_at(1, 130))
    assert result.records_matched == 2.0
    assert [name for name, _ in notes_of(result.notes)] == ["insights-cached", "insights-ended"]
    assert len(ask(store, longer, done(rows_at(130)))[1].started) == 1


def test_rows_without_a_time_and_incomplete_ones_are_not_stored(store):
    for script in (done([{"@message": "a"}]), done(rows_at(1), "Cancelled")):
        ask(store, query(), script)
        with pytest.raises(CacheMissError):
            ask(store, query(), offline=True)


def test_of_a_window_that_ends_now_the_settled_part_is_used(store):
    now = datetime.now(UTC).replace(microsecond=0)
    start = now - timedelta(minutes=30)
    text = (now - timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M:%S.000")
    late = (now - timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M:%S.000")
    rows = [{"@timestamp": moment, "@ptr": moment} for moment in (text, late)]
    asked = query(start=start, end=now, counts=((int(start.timestamp()), 1),))
    ask(store, asked, done(rows))
    result, aws = ask(store, asked, done(rows[1:]))
    # Events of the last quarter of an hour may still have been on their way.
    settled = aws.started[0]["startTime"]
    assert now.timestamp() - 15 * 60 - 2 <= settled <= now.timestamp() - 15 * 60 + 60
    assert result.rows == rows
    assert ask(store, asked, offline=True)[0].rows == rows


def test_a_query_over_several_events_is_stored_with_its_end(store):
    ask(store, query(COUNT), done([{"n": "5"}], recordsMatched=5))
    again, aws = ask(store, query(COUNT))
    assert (aws.started, again.rows, again.records_matched) == ([], [{"n": "5"}], 5)
    assert len(ask(store, query(COUNT, end=START + timedelta(minutes=3)), done([]))[1].started) == 1
    # What is not settled runs again, except offline.
    now = datetime.now(UTC)
    recent = query(COUNT, start=now - timedelta(hours=1), end=now - timedelta(minutes=5))
    ask(store, recent, done([{"n": "5"}]))
    assert ask(store, recent, offline=True)[0].rows == [{"n": "5"}]
    assert ask(store, recent, done([{"n": "6"}]))[0].rows == [{"n": "6"}]


def test_several_queries_keep_their_order(store):
    ask(store, query(group="b"), done(rows_at(2)))
    aws = ScriptedAws(done(rows_at(1)), done(rows_at(3)))
    found = query_cached(aws, [query(group=group) for group in "abc"], QueryOptions(ResponseCache(store)))
    assert [result.rows for result in found] == [rows_at(1), rows_at(2), rows_at(3)]
    assert [each["logGroupNames"] for each in aws.started] == [["a"], ["c"]]


def volume_answers(sizes, events, **more):
    """Return answers of GetMetricData: per log group the bytes, and the events of two minutes."""
    results = []
    for number, (size, counts) in enumerate(zip(sizes, events, strict=True)):
        minutes = [START + timedelta(minutes=minute) for minute in range(len(counts))]
        values = [] if size is None else [size]
        results += [
            {
                "Id": f"m{2 * number}",
                "Timestamps": minutes[: len(values)],
                "Values": values,
                "StatusCode": "Complete",
            },
            {"Id": f"m{2 * number + 1}", "Timestamps": minutes, "Values": counts, "StatusCode": "Complete"},
        ]
    return {"get_metric_data": [[{"MetricDataResults": results}]]} | more


RECENT = Window(
    datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2),
    datetime.now(UTC).replace(second=0, microsecond=0),
)


def test_the_volume_of_log_groups():
    aws = ScriptedAws(**volume_answers([2e9, None], [[30.0, 10.0], []]))
    found = incoming_volumes(aws, ["a", "b"], RECENT)
    second = int(RECENT.start.timestamp())
    assert found == {
        "a": IncomingVolume(2e9, ((FIRST, 30), (FIRST + 60, 10)), 60),
        "b": IncomingVolume(None, ((second, 0),), 60),  # nothing arrived
    }
    ((_, given),) = aws.calls
    assert [each["MetricStat"] for each in given["MetricDataQueries"]] == [
        {
            "Metric": {
                "Namespace": "AWS/Logs",
                "MetricName": name,
                "Dimensions": [{"Name": "LogGroupName", "Value": group}],
            },
            "Period": 60,
            "Stat": "Sum",
        }
        for group in "ab"
        for name in ("IncomingBytes", "IncomingLogEvents")
    ]
    # At most 1,440 bins: two days are bins of two minutes, and one second more of three.
    for seconds, period in ((86_400, 60), (86_401, 120), (2 * 86_400, 120)):
        window = Window(RECENT.end - timedelta(seconds=seconds), RECENT.end)
        aws = ScriptedAws(**volume_answers([1], [[]]))
        assert incoming_volumes(aws, ["a"], window)["a"].bin_s == period


def test_a_metric_that_has_expired_is_unknown():
    old = Window(RECENT.start - timedelta(days=500), RECENT.start - timedelta(days=499))
    aws = ScriptedAws(**volume_answers([None], [[]]))
    assert incoming_volumes(aws, ["a"], old) == {"a": IncomingVolume(None, (), 86_400)}


def test_the_scan_of_a_group_without_a_metric_is_its_share_of_what_is_stored():
    created = (RECENT.end - timedelta(hours=8)).timestamp() * 1000
    groups = {"logGroups": [{"logGroupName": "b", "creationTime": created, "storedBytes": 8000}]}
    # The metric of b has expired.
    old = Window(RECENT.start - timedelta(days=500), RECENT.end - timedelta(days=500))
    aws = ScriptedAws(**volume_answers([5.0, None], [[1.0], []], describe_log_groups=[groups]))
    volumes, sizes = estimate_scan(aws, ["a", "b"], old)
    assert sizes == {"a": 5.0, "b": pytest.approx(2000, rel=0.1)}  # two of eight hours
    assert [name for name, _ in aws.calls] == ["cloudwatch:get_metric_data", "logs:describe_log_groups"]
    assert volumes["a"].size_bytes == 5.0
    # The metrics may not be read.
    refused = {"get_metric_data": [ServiceError("denied")], "describe_log_groups": [groups]}
    assert estimate_scan(ScriptedAws(**refused), ["b"], RECENT) == ({}, {"b": pytest.approx(2000, rel=0.1)})
    refused = {"get_metric_data": [ServiceError("denied")], "describe_log_groups": [groups]}
    assert estimate_scan(ScriptedAws(**refused), ["c"], RECENT) == ({}, {"c": 0.0})
    # Nothing arrived: zero bytes, without a further call.
    assert estimate_scan(ScriptedAws(**volume_answers([None], [[]])), ["a"], RECENT)[1] == {"a": 0.0}
    with pytest.raises(RetryableServiceError):
        estimate_scan(ScriptedAws(get_metric_data=[RetryableServiceError("gone")]), ["a"], RECENT)


def test_the_counts_of_all_groups_plan_a_query():
    asked = replace(query(), log_groups=("a", "b"), counts=())
    volumes = {
        "a": IncomingVolume(1.0, ((60, 5), (0, 1)), 120),
        "b": IncomingVolume(1.0, ((60, 2),), 120),
    }
    assert with_scan_estimate(asked, volumes) == replace(asked, counts=((0, 1), (60, 7)), counts_bin_s=120)
    assert with_scan_estimate(asked, {"a": volumes["a"]}) == asked
    assert with_scan_estimate(asked, volumes | {"b": IncomingVolume(1.0, (), 120)}) == asked


def test_a_scan_up_to_the_ceiling():
    check_ceiling(2.5e9, 2.5)
    with pytest.raises(InputError) as raised:
        check_ceiling(2.5e9 + 1, 2.5, 0.01)
    assert messages_in(raised.value.args[0]) == {
        "error-scan-ceiling": {"cost": "scan-cost", "ceiling": "2.5"},
        "scan-cost": {"size": "size-gb", "price": "price-usd", "rate": "0.01"},
        "size-gb": {"gb": "2.500", "bound": "exact"},
        "price-usd": {"usd": "0.0250", "bound": "about"},
    }


def test_an_estimate_by_log_group_the_largest_first():
    estimate = ScanEstimate({"a": 1e9, "b": 3e9}, 0.01)
    assert (estimate.bytes_expected, estimate.cost_usd) == (4e9, 0.04)
    expected = pd.DataFrame({"log_group": ["b", "a"], "bytes_expected": [3e9, 1e9], "cost_usd": [0.03, 0.01]})
    kinds = {"log_group": "string", "bytes_expected": "Float64", "cost_usd": "Float64"}
    pd.testing.assert_frame_equal(estimate.frame, expected.astype(kinds))


def test_queries_get_their_counts_unless_they_cost_too_much():
    asked = [query(counts=(), group=group) for group in "ab"]
    aws = ScriptedAws(**volume_answers([2e9, 1e9], [[3.0], [4.0]]))
    planned, estimate = planned_queries(aws, asked, 3.0, 0.01)
    assert [each.counts for each in planned] == [((FIRST, 3),), ((FIRST, 4),)]
    assert estimate == ScanEstimate({"a": 2e9, "b": 1e9}, 0.01)
    with pytest.raises(InputError):
        planned_queries(ScriptedAws(**volume_answers([2e9, 1e9], [[3.0], [4.0]])), asked, 2.9)


def test_the_rows_of_a_query_and_how_they_were_obtained(store):
    aws = ScriptedAws(done(rows_at(1), bytesScanned=2e9), **volume_answers([1e9], [[1.0]]))
    frame, how = get_log_rows(aws, query(counts=()), usd_per_gb=0.01)
    expected = pd.DataFrame(
        {
            "@timestamp": pd.to_datetime(["2025-12-11 01:00:01"], utc=True).as_unit("us"),
            "@message": pd.array(["a"], dtype="string"),
            "@ptr": pd.array(["at 1"], dtype="string"),
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert how == Retrieval(
        "cloudwatch_logs", "g", 1, start=START, end=END, query=RAW, bytes_scanned=2e9, cost_usd=0.02
    )
    # Nothing was stored, and the ceiling holds also where the estimate was too low.
    aws = ScriptedAws(done(rows_at(1), bytesScanned=2e9), **volume_answers([1e9], [[1.0]]))
    _, how = get_log_rows(aws, query(counts=()), max_scan_gb=1.5)
    assert how.cost_usd == 0.01
    with pytest.raises(InputError):
        get_log_rows(ScriptedAws(**volume_answers([1e9], [[1.0]])), query(counts=()), max_scan_gb=0.9)
    with pytest.raises(InputError):
        get_log_rows(ScriptedAws(**volume_answers([1.001e11], [[1.0]])), query(counts=()))
    # Offline, nothing is estimated.
    ask(store, query(), done(rows_at(1)))
    options = QueryOptions(ResponseCache(store, offline=True))
    assert len(get_log_rows(ScriptedAws(), query(), options)[0]) == 1


def test_queries_over_any_number_of_groups():
    groups = [f"g{number}" for number in range(101)]
    window = Window(START, END)
    found = queries_by_groups(RAW, groups, window, "n")
    assert found == [
        InsightsQuery(RAW, tuple(groups[:50]), window, "n"),
        InsightsQuery(RAW, tuple(groups[50:100]), window, "n"),
        InsightsQuery(RAW, ("g100",), window, "n"),
    ]
    assert [log_groups_label(each) for each in found] == ["g0 .. g49", "g50 .. g99", "g100"]


def test_rows_of_single_events_are_merged_and_statistics_are_not():
    def results(text, *groups):
        return [QueryResult(query(text, group=group), list(rows)) for group, rows in groups]

    rising = results(RAW, ("a", rows_at(1, 5)), ("b", rows_at(3)))
    assert merge_results(rising) == [QueryResult(rising[0].query, rows_at(1, 3, 5))]
    falling = results(NEWEST, ("a", rows_at(5, 1)), ("b", rows_at(3)))
    assert merge_results(falling) == [QueryResult(falling[0].query, rows_at(5, 3, 1))]
    assert merge_results(rising[:1]) == rising[:1]
    counts = results(COUNT, ("a", [{"n": "1"}]), ("b", [{"n": "2"}]))
    assert merge_results(counts) == counts
    (frame,) = result_frames(rising, "day")
    assert frame["place"].tolist() == ["day"] * 3
    assert list(frame.columns) == ["place", "@timestamp", "@message", "@ptr"]
    first, second = result_frames(counts)
    assert first.to_dict("records") == [{"log_groups": "a", "n": 1}]
    assert second.to_dict("records") == [{"log_groups": "b", "n": 2}]
    assert list(result_frames(counts, "day")[0].columns) == ["place", "log_groups", "n"]
    (flat,) = result_frames(results(RAW, ("a", [{"@message": '{"n": 2}'}])), flatten=True)
    assert flat["message.n"].tolist() == [2]
    assert "message.n" not in result_frames(rising)[0]


class Target:
    def __init__(self):
        self.cancelled = threading.Event()


def test_targets_are_queried_at_once_and_each_that_fails_is_named():
    targets = {name: Target() for name in "abc"}
    both = threading.Barrier(2, timeout=5)

    def one(target):
        if target is targets["c"]:
            raise ServiceError("refused")
        both.wait()  # passes only when two run at once
        return id(target)

    results, failures = query_targets(targets, one)
    assert results == {name: id(targets[name]) for name in "ab"}
    assert failures == {"c": "refused"}
    assert query_targets({}, one) == ({}, {})
    assert not any(target.cancelled.is_set() for target in targets.values())

    def interrupted(target):
        if target is targets["a"]:
            raise KeyboardInterrupt
        assert targets["b"].cancelled.wait(5)

    with pytest.raises(KeyboardInterrupt):
        query_targets(targets, interrupted)
    assert all(target.cancelled.is_set() for target in targets.values())


def test_the_queries_of_a_pull():
    window = Window(START, END)
    found = pull_queries(["worker"], ["/ecs/api", "/aws/lambda/worker"], window)
    group = "/aws/lambda/worker"
    texts = {name: library_query(f"worker_{name}").filled() for name in ("errors", "first", "recent")}
    assert found == {
        group: [
            InsightsQuery(texts["errors"], (group,), window, "worker-errors"),
            InsightsQuery(texts["first"], (group,), window, "worker-first"),
            InsightsQuery(texts["recent"], (group,), window, "worker-recent"),
            InsightsQuery(ALL_EVENTS, (group,), window, "aws-lambda-worker"),
        ],
        "/ecs/api": [InsightsQuery(ALL_EVENTS, ("/ecs/api",), window, "ecs-api")],
    }


def test_a_group_that_is_refused_does_not_affect_the_others(store):
    queries = {group: [query(group=group, name=f"n-{group}")] for group in "abc"}
    scripts = [done(rows_at(1), bytesScanned=5), ServiceError("no access"), done(rows_at(2), "Cancelled")]
    seen = []
    options = QueryOptions(ResponseCache(store))
    pulled = run_log_queries(ScriptedAws(*scripts), queries, options, 0.01, seen.append)
    assert seen
    assert list(pulled.responses) == ["n-a", "n-c"]
    assert [(str(entry["logGroupName"]), entry.get("usdPerGb")) for entry in pulled.query_entries] == [
        ("a", 0.01),
        ("b", None),
        ("c", 0.01),
    ]
    reasons = [
        (notes_of([part]) if part != "n-c" else part, notes_of([why]))
        for part, why in pulled.failures.items()
    ]
    assert reasons[0][0] == [("pull-part-logs-of", {"group": "b"})]
    assert reasons[0][1] == [("sentences", {"sentences": ["insights-refused"]})]
    assert reasons[1][0] == "n-c"
    assert reasons[1][1] == [("sentences", {"sentences": ["insights-ended"]})]
    assert (pulled.notes, pulled.bytes_scanned) == ([], 5)
    # Offline, only what is in the cache.
    offline = QueryOptions(ResponseCache(store, offline=True))
    pulled = run_log_queries(ScriptedAws(), queries, offline, 0.01)
    assert list(pulled.responses) == ["n-a"]
    assert [notes_of([part]) for part in pulled.failures] == [
        [("pull-part-logs-of", {"group": group})] for group in "bc"
    ]
    assert [entry.get("usdPerGb") for entry in pulled.query_entries] == [0.01, None, None]
    assert notes_of(pulled.notes) == [("note-of-file", {"file": "n-a", "note": "insights-cached"})]


def test_a_pull_of_which_every_query_is_refused():
    queries = {group: [query(group=group, name=group)] for group in "ab"}
    refused = [ServiceError("no access")] * 2
    pulled = run_log_queries(ScriptedAws(*refused), queries, QueryOptions(), 0.01)
    assert [notes_of([part]) for part in pulled.failures] == [
        [("pull-part-logs-of", {"group": group})] for group in "ab"
    ]
    assert set(pulled.failures.values()) == {"no access"}
    entries = [query_entry(queries[group][0], None) for group in "ab"]
    assert pulled == PulledLogs(query_entries=entries, failures=pulled.failures)


def test_entries_and_responses_as_the_cli_would_have_written_them():
    asked = query(name="n")
    known = {
        "logGroupName": "g",
        "startTime": FIRST,
        "endTime": FIRST + 120,
        "queryString": RAW,
        "output": "n.json",
    }
    assert query_entry(asked, None, 0.01) == known
    result = QueryResult(asked, rows_at(1), records_scanned=4.0, bytes_scanned=9.0, cached_at=END)
    assert query_entry(asked, result, 0.01) == known | {"usdPerGb": 0.01, "cachedAt": END}
    cells = [[{"field": name, "value": value} for name, value in rows_at(1)[0].items()]]
    statistics = {"recordsMatched": 1.0, "recordsScanned": 4.0, "bytesScanned": 9.0}
    assert query_response(result) == {"results": cells, "statistics": statistics, "status": "Complete"}
    # Rows are missing: as many as the limit came, and more matched.
    cut = replace(result, truncated=True, cached_at=None)
    assert query_entry(asked, cut) == known | {"limit": 1}
    assert query_entry(asked, replace(cut, rows=[]))["limit"] == 1
    assert query_entry(query(COUNT), cut).keys() == known.keys()
    matched = [
        (replace(cut), 2.0),
        (replace(cut, records_matched=1.0), 2.0),
        (replace(cut, records_matched=7.0), 7.0),
        (replace(cut, status="Timeout"), 1.0),
        (replace(result, records_matched=5.0), 5.0),
    ]
    for each, number in matched:
        assert query_response(each)["statistics"]["recordsMatched"] == number
