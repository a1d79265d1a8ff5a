from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.aws_front import FAST

from watchme_analysis.aws_shapes.insights_query_text import columns_of
from watchme_analysis.cloudwatch.insights.cached import get_log_rows
from watchme_analysis.cloudwatch.insights.frame import result_frame, typed_frame
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
from watchme_analysis.cloudwatch.insights.query_library import library, library_query
from watchme_analysis.cloudwatch.insights.run import run_queries
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


@pytest.mark.slow
def test_runs_that_were_killed_are_among_the_errors(front):
    killed = f"RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
    gone = f"RequestId: {OTHER} Process exited before completing request\n"
    start_ms = int(START.timestamp() * 1000)
    front.engine.load(GROUP, [(start_ms + n, line, "s") for n, line in enumerate((killed, LINES[0], gone))])
    window = Window(START, START + timedelta(hours=1))
    requested = InsightsQuery(library_query("worker_errors").filled(None), (GROUP,), window)
    assert result_frame(run_queries(Aws(rate_limits=FAST), [requested])[0])["@message"].tolist() == [
        killed,
        gone,
    ]


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


def test_columns_say_what_a_query_shows():
    for query in library().values():
        assert columns_of(query.filled(GIVEN.get(query.name))) == list(query.columns)


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


def test_a_time_that_came_as_milliseconds_is_a_time():
    frame = typed_frame(["last", "n"], [{"last": "1765414800120", "n": "1765414800120"}], {"last": "time"})
    assert frame["last"][0] == pd.Timestamp("2025-12-11T01:00:00.120Z")
    assert str(frame.n.dtype) == "Int64"


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


@pytest.mark.slow
def test_rows_come_with_what_they_cost(front):
    second = int(datetime.now(UTC).timestamp()) - 7200
    front.engine.load(GROUP, [(1000 * (second + n), "x" * 974, "s") for n in range(1000)])
    start = datetime.fromtimestamp(second, UTC)
    query = InsightsQuery("fields @timestamp, @message", (GROUP,), Window(start, start + timedelta(hours=1)))
    frame, retrieval = get_log_rows(Aws(rate_limits=FAST), query, usd_per_gb=2.0)
    assert (len(frame), retrieval.rows, retrieval.truncated) == (1000, 1000, False)
    assert retrieval.bytes_scanned == 1e6
    assert retrieval.cost_usd == pytest.approx(0.002)
    with pytest.raises(InputError, match="--max-scan-gb"):
        get_log_rows(Aws(rate_limits=FAST), query, max_scan_gb=1e-4)


@pytest.mark.slow
def test_words_and_keys_come_from_the_configuration(run, tmp_path, monkeypatch):
    (tmp_path / "watchme.toml").write_text(
        '[work_items]\nitem_keys = ["orderId"]\n[log_words]\nerror = ["gescheitert", "a.b"]\n'
    )
    monkeypatch.chdir(tmp_path)
    assert r"Process exited|gescheitert|a\.b/" in library_query("worker_errors").filled()
    assert r"Process exited|oops/" in library_query("worker_errors").filled({"error_words": "oops"})
    assert run("item_failures").item.tolist() == ["A-7"]
    (tmp_path / "watchme.toml").write_text("")
    with pytest.raises(InputError, match="needs key"):
        library_query("item_failures").filled()
    with pytest.raises(InputError, match="is a name"):
        library_query("item_failures").filled({"key": ".*)"})


def test_a_column_without_values_has_the_kind_of_its_expression():
    kinds = {"t": "time", "n": "whole", "x": "number", "m": "text"}
    for rows in ([], [{"other": "1"}]):
        frame = typed_frame(["t", "n", "x", "m", "u"], rows, kinds)
        assert frame.dtypes.astype(str).to_dict() == {
            "t": "datetime64[us, UTC]",
            "n": "Int64",
            "x": "Float64",
            "m": "string",
            "u": "string",
        }


def test_values_decide_unless_the_expression_does():
    values = {
        "whole": ["1", "-2", None],
        "number": ["1", "2.5", "-1e3"],
        "zeros": ["01", "2", "3"],
        "stated": ["1", "2", "3"],
        "text": ["1", "2", "3"],
        "exact": ["123456789012345", "0.5", "1"],  # fifteen digits
        "long": ["1234567890123456", "0.5", "1"],  # sixteen lose some
        "beyond": ["9223372036854775808", "1", "2"],
    }
    rows = [{name: column[at] for name, column in values.items()} for at in range(3)]
    frame = typed_frame(list(values), rows, {"stated": "number", "text": "text"})
    assert frame.dtypes.astype(str).to_dict() == {
        "whole": "Int64",
        "number": "Float64",
        "zeros": "string",
        "stated": "Float64",
        "text": "string",
        "exact": "Float64",
        "long": "string",
        "beyond": "string",
    }
    assert frame.number.tolist() == [1.0, 2.5, -1000.0]
    assert frame.whole.fillna(0).tolist() == [1, -2, 0]
    assert frame.long.tolist() == values["long"]


def test_columns_are_those_of_the_query_and_fields_of_messages():
    """The time was added to split the query, and `pattern` has columns that its text does not name."""
    rows = [{"@timestamp": "2025-12-11 01:00:00.000", "@message": '{"a": {"b": 1, "c": {}}, "d": [2]}'}]
    rows += [{"@message": "[3]"}, {"@message": '{"x": null, "e": "é"}', "@extra": "x"}]

    def columns(text, **how):
        query = InsightsQuery(text, (GROUP,), Window(START, START + timedelta(hours=1)))
        return result_frame(QueryResult(query, rows), **how)

    assert list(columns("fields @message").columns) == ["@message", "@ptr"]
    assert list(columns("pattern @message").columns) == ["@timestamp", "@message", "@ptr", "@extra"]
    flat = columns("fields @message", flatten=True)
    names = ["message.a.b", "message.a.c", "message.d", "message.e"]
    assert list(flat.columns) == ["@message", "@ptr", *names]
    assert flat[names].astype(object).where(flat[names].notna(), None).to_numpy().tolist() == [
        [1, "{}", "[2]", None],
        [None] * 4,
        [None, None, None, "é"],
    ]
