from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.aws_front import FAST

from watchme_analysis.cloudwatch.insights.frame import result_frame, typed_frame
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
from watchme_analysis.cloudwatch.insights.query_library import library, library_query
from watchme_analysis.cloudwatch.insights.query_run import run_queries
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
GROUP = "/aws/lambda/sed-worker"
ID = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"
OTHER = "3ad7bbc1-f953-42c4-b70f-49d5b40dee94"
LINES = [
    f"START RequestId: {ID} Version: $LATEST\n",
    "✅ SED APIが受け付けました (status=202, 1.2秒)\n",
    f"REPORT RequestId: {ID}\tDuration: 196.03 ms\tBilled Duration: 197 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 37 MB\tInit Duration: 512.5 ms\t\n",
    f"2025-12-11T01:00:03.000Z {OTHER} Task timed out after 30.02 seconds\n\n",
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'lambda_function': "
    "No module named 'requests'\nTraceback (most recent call last):\n",
    "[ERROR] HTTPError: 404 Client Error: Not Found\n",
    f'❌ APIエラー: status_code=404 body={{"detail":"見つかりません: '
    f'files/{OTHER}/2025-12-10/10-30/a.wav"}}\n',
    f"REPORT RequestId: {OTHER}\tDuration: 30020.00 ms\tBilled Duration: 30000 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 40 MB\t\n",
    "ERROR the order was refused: orderId=A-7\n",
]
GIVEN = {
    "item_failures": {"key": "orderId"},
    "request": {"request_id": ID.upper()},
    "stream": {"log_stream": "s1"},
}


@pytest.fixture
def run(front):
    start_ms = int(START.timestamp() * 1000)
    front.engine.load(GROUP, [(start_ms + 1000 * n, line, f"s{n % 2}") for n, line in enumerate(LINES)])

    def ask(name, **parameters):
        text = library_query(name).filled(parameters or GIVEN.get(name))
        window = Window(START, START + timedelta(hours=1))
        return result_frame(run_queries(Aws(rate_limits=FAST), [InsightsQuery(text, (GROUP,), window)])[0])

    return ask


@pytest.mark.slow
@pytest.mark.parametrize("name", library())
def test_every_query_runs_and_returns_its_columns(run, name):
    frame = run(name)
    assert list(frame.columns) == list(library()[name].columns)
    assert len(frame)


@pytest.mark.slow
def test_the_queries_find_what_they_say(run):
    assert len(run("worker_timeouts")) == 1
    assert run("import_errors").module.tolist() == ["requests"]
    errors = run("errors_by_type").set_index("error").errors
    assert errors.to_dict() == {"HTTPError": 1, "Runtime.ImportModuleError": 1}
    assert run("api_status").set_index("status").answers.to_dict() == {202: 1, 404: 1}
    assert run("item_failures").item.tolist() == ["A-7"]
    reports = run("reports")
    assert reports["@duration"].tolist() == [196.03, 30020.0]
    assert reports["@initDuration"].fillna(-1).tolist() == [512.5, -1]
    durations = run("durations")
    assert durations.time.tolist() == [pd.Timestamp("2025-12-11T01:00Z")]
    assert durations.longest_ms.tolist() == [30020]
    assert run("cold_starts").cold_starts.tolist() == [1]
    assert run("request")["@message"].str.contains(ID).all()
    assert run("request_ids").set_index("@requestId").lines.to_dict() == {ID: 2, OTHER: 2}
    assert len(run("worker_recent", rows="2")) == 2
    assert len(run("worker_errors")) == 5


def test_parameters_are_checked():
    with pytest.raises(InputError, match="needs request_id"):
        library_query("request").filled()
    with pytest.raises(InputError, match="is a uuid"):
        library_query("request").filled({"request_id": '" or 1 = 1'})
    with pytest.raises(InputError, match="is a text"):
        library_query("stream").filled({"log_stream": 'x" | limit 1'})
    with pytest.raises(InputError, match="no parameter row"):
        library_query("worker_first").filled({"row": "1"})
    with pytest.raises(InputError, match="no query 'nothing'"):
        library_query("nothing")


def test_dtypes():
    rows = [
        {
            "time": "2025-12-11 01:00:00.120",
            "n": "9007199254740993",
            "x": "1.5",
            "id": "007",
            "big": "9" * 30,
            "plus": "+1",
        },
        {"n": "2", "x": "3"},
    ]
    frame = typed_frame(["time", "n", "x", "id", "big", "plus", "none"], rows)
    assert frame.dtypes.astype(str).to_dict() == {
        "time": "datetime64[us, UTC]",
        "n": "Int64",
        "x": "Float64",
        "id": "string",
        "big": "string",
        "plus": "string",
        "none": "string",
    }
    assert frame.n[0] == 9007199254740993
    assert frame.time.isna().tolist() == [False, True]


def test_numbers_keep_their_digits_and_texts_stay_texts():
    rows = [
        {"id": "9007199254740993", "@message": "12", "@ptr": "7"},
        {"id": "1.5", "@message": "13", "@ptr": "8"},
    ]
    frame = typed_frame(["id", "@message", "@ptr"], rows, {"@message": "text", "@ptr": "text"})
    assert frame.id.tolist() == ["9007199254740993", "1.5"]
    assert frame["@message"].tolist() == ["12", "13"]
    assert frame["@ptr"].tolist() == ["7", "8"]
    assert typed_frame(["m"], [{"m": "6.7E7"}, {"m": "1.28E8"}]).m.tolist() == [6.7e7, 1.28e8]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "fields @message",
        "fields @timestamp, @duration, x | display x, @timestamp",
        "stats count(*) as n, avg(@duration) as ms, max(@timestamp) as last by bin(5m) as time",
        library_query("reports").filled(),
    ],
)
def test_an_empty_answer_has_the_same_columns_of_the_same_types(front, text):
    start = int(START.timestamp() * 1000)
    line = "REPORT RequestId: 1\tDuration: 14 ms\tBilled Duration: 15 ms\tMemory Size: 128 MB\t"
    line += "Max Memory Used: 67 MB\t"
    front.engine.load(GROUP, [(start + 60_000 * n, line, "s") for n in range(3)])
    window = Window(START, START + timedelta(minutes=10))
    filled = result_frame(
        run_queries(Aws(rate_limits=FAST), [InsightsQuery(text, (GROUP,), window)], row_limit=2)[0]
    )
    before = Window(START - timedelta(minutes=10), START)
    empty = result_frame(run_queries(Aws(rate_limits=FAST), [InsightsQuery(text, (GROUP,), before)])[0])
    assert (len(filled) > 0, len(empty)) == (True, 0)
    expected = filled.dtypes.drop("@initDuration", errors="ignore")
    assert empty.dtypes[expected.index].to_dict() == expected.to_dict()
    assert list(empty.columns) == list(filled.columns)


def test_flattened_messages_overwrite_nothing(front):
    message = '{"timestamp": "x", "level": "ERROR", "record": {"n": 3, "none": null}}'
    front.engine.load(
        GROUP, [(int(START.timestamp() * 1000), message, "s"), (int(START.timestamp() * 1000), "plain", "s")]
    )
    query = InsightsQuery("fields @timestamp, @message", (GROUP,), Window(START, START + timedelta(1)))
    frame = result_frame(run_queries(Aws(rate_limits=FAST), [query])[0], flatten=True)
    assert list(frame.columns[:3]) == ["@timestamp", "@message", "@ptr"]
    assert frame["@timestamp"].notna().all()
    assert frame["message.record.n"].dropna().tolist() == [3]
    assert frame["message.timestamp"].dropna().tolist() == ["x"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("fields @message", ["@message", "@ptr"]),
        ("fields @timestamp, @message | display @message", ["@message", "@ptr"]),
        ("stats count(*) as n", ["n"]),
    ],
)
def test_a_split_query_has_only_the_columns_that_it_returns(front, text, columns):
    start = int(START.timestamp() * 1000)
    front.engine.load(GROUP, [(start + 60_000 * n, f"event {n}", "s") for n in range(5)])
    query = InsightsQuery(text, (GROUP,), Window(START, START + timedelta(minutes=10)))
    frame = result_frame(run_queries(Aws(rate_limits=FAST), [query], row_limit=2)[0])
    assert list(frame.columns) == columns
    assert len(frame) == (1 if text.startswith("stats") else 5)


def test_patterns_have_no_columns_of_the_events_behind_them():
    window = Window(START, START + timedelta(minutes=10))
    query = InsightsQuery("fields @timestamp, @message | pattern @message", (GROUP,), window)
    rows = [{"@pattern": "event <*>", "@sampleCount": "5"}]
    assert list(result_frame(QueryResult(query, rows)).columns) == ["@pattern", "@sampleCount"]
