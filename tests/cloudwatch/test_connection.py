"""The front for Python: logs, metrics and prices of AWS, called as a person types it."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws
from worlds.settings_file import write_settings

import watchme_analysis as w
from watchme_analysis.cloudwatch.connection import Connection
from watchme_analysis.cloudwatch.insights.query_library import (
    LibraryQuery,
    Parameter,
    library,
    library_query,
)
from watchme_analysis.cloudwatch.response_cache import CacheMissError, ResponseCache
from watchme_analysis.cloudwatch.session import SessionTarget
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import message_of

NOW = datetime.now(UTC).replace(microsecond=0)
GROUPS = ("/aws/lambda/asr-worker", "/aws/lambda/sed-worker")
ERRORS = "fields @timestamp, @message | filter @message like /ERROR/"
AGE = ("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", "uploads"),))


@pytest.fixture
def account(front, tmp_path, monkeypatch):
    """Two functions with one error each and one that is not queried, and a queue whose messages grow old."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    logs = boto3.client("logs")
    at = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    for number, group in enumerate([*GROUPS, "/ecs/other"]):
        logs.create_log_group(logGroupName=group)
        lines = [f"[ERROR] KeyError: '{group}'\n", "fine\n"]
        front.engine.load(group, [(at + number, line, "s") for line in lines])
    minute = int((NOW - timedelta(hours=6)).timestamp()) // 60 * 60
    front.metrics[AGE] = {minute + 60 * number: number for number in range(60)}
    return front


@pytest.mark.slow
def test_logs_of_a_pattern_are_one_frame_in_order_of_time(account):
    errors, how = w.connect().logs(ERRORS, groups="/aws/lambda/*", since="24h")
    kinds = errors.dtypes.astype(str).to_dict()
    assert kinds == {"@timestamp": "datetime64[us, UTC]", "@message": "string", "@ptr": "string"}
    assert [text.split("'")[1] for text in errors["@message"]] == [*reversed(GROUPS)]
    assert (how.rows, how.truncated, how.origin) == (2, False, ", ".join(GROUPS))
    assert how.bytes_scanned > 0
    assert how.cost_usd == pytest.approx(how.bytes_scanned / 1e9 * 0.005)
    assert repr(how).startswith(f"<Retrieval: 2 rows of cloudwatch_logs ({how.origin}), complete; ")
    assert "GB scanned, 0.0000 USD" in repr(how)


@pytest.mark.slow
def test_the_metric_of_a_queue_has_a_row_for_each_interval(account):
    age, how = w.connect().metrics(*AGE[:2], {"QueueName": "uploads"}, stat="Maximum", since="12h")
    assert str(age.time.dtype) == "datetime64[us, UTC]"
    assert str(age.value.dtype) == "Float64"
    assert len(age) == how.rows == 720 or len(age) == how.rows == 721
    assert age.value.max() == 59
    assert age.value.notna().sum() == 60
    assert set(age.completeness) == {"value", "zero", "missing", "not_settled"}
    assert not how.truncated


def test_queries_of_the_library_name_their_groups_and_take_parameters(account):
    aws = w.connect()
    found, how = aws.query("errors_by_type", since="3h")
    assert dict(zip(found.error, found.errors, strict=True)) == {"KeyError": 2}
    assert how.origin == ", ".join(GROUPS)
    first, _ = aws.query("worker_first", GROUPS[0], since="3h", rows=1)
    assert len(first) == 1
    again, _ = aws.logs("errors_by_type", since="3h")
    assert again.equals(found)
    assert "request_id" in aws.query_library().set_index("name").parameters["request"]
    with pytest.raises(InputError, match="no query 'nothing'"):
        aws.query("nothing")
    with pytest.raises(InputError, match=r"needs request_id .*in Python, request_id"):
        aws.query("request")


@pytest.mark.slow
def test_the_log_groups_of_the_system_are_searched_when_none_is_named(account, tmp_path):
    systems = "".join(
        f'[systems.{name}]\nlog_groups = ["{group}"]\n'
        for name, group in zip(("asr", "sed"), GROUPS, strict=True)
    )
    write_settings(tmp_path, systems)
    with pytest.raises(InputError, match="needs log groups"):
        w.connect().logs(ERRORS)  # two systems, of which none is chosen
    aws = w.connect(system="sed")
    assert aws.logs(ERRORS)[1].origin == GROUPS[1]
    assert aws.query("errors_by_type")[1].origin == GROUPS[1]
    assert aws.logs(ERRORS, GROUPS[0])[1].origin == GROUPS[0]
    with pytest.raises(InputError, match="no system 'sedd'"):
        w.connect(system="sedd")


def test_a_price_runs_nothing_and_a_scan_above_the_ceiling_neither(account):
    hour = int(NOW.timestamp()) // 3600 * 3600 - 7200
    for size, group in zip((2e9, 1e9), GROUPS, strict=True):
        account.metrics[("AWS/Logs", "IncomingBytes", (("LogGroupName", group),))] = {hour: size}
    aws = w.connect(max_scan_gb=2.5, usd_per_gb=0.01)
    price = aws.price(ERRORS, groups="/aws/lambda/*", since="24h")
    assert (price.bytes_expected, price.cost_usd) == (3e9, 0.03)
    assert repr(price) == "<ScanEstimate: 3.000 GB, about 0.0300 USD at 0.01 USD a GB; 2 log groups>"
    assert price.frame.log_group.tolist() == [*GROUPS]
    with pytest.raises(InputError, match=r"3.000 GB.*in Python, max_scan_gb"):
        aws.logs(ERRORS, groups="/aws/lambda/*", since="24h")
    assert not account.started


def test_offline_repeats_what_was_queried_without_a_call(account, tmp_path):
    requested = {"groups": "/aws/lambda/*", "since": "24h"}
    aws = w.connect(cache=tmp_path / "answers")
    rows, _ = aws.logs(ERRORS, **requested)
    age, _ = aws.metrics(*AGE[:2], dict(AGE[2]), since="12h")
    calls = account.calls.total()
    offline = w.connect(cache=tmp_path / "answers", offline=True)
    again, how = offline.logs(ERRORS, **requested)
    assert again.equals(rows)
    assert how.cached_at is not None and "from the cache of" in repr(how)
    assert offline.metrics(*AGE[:2], dict(AGE[2]), since="12h")[0].equals(age)
    with pytest.raises(CacheMissError, match=r"in Python, offline"):
        offline.logs("fields @message", groups=GROUPS[0])
    with pytest.raises(InputError, match="connect without offline"):
        offline.price(ERRORS, **requested)
    assert account.calls.total() == calls
    with pytest.raises(InputError, match="reads from the cache"):
        w.connect(offline=True, cache=False)


@pytest.mark.slow
def test_without_a_cache_nothing_is_stored_and_no_account_is_looked_up(account, tmp_path):
    w.connect(cache=False).logs(ERRORS, groups=GROUPS, since="24h")
    assert not (tmp_path / "cache").exists()


def test_a_region_that_fails_is_noted_and_the_rows_of_the_other_are_there(account):
    both = w.connect(region=["ap-southeast-2", "eu-west-1"])
    errors, how = both.logs(ERRORS, groups="/aws/lambda/*", since="24h")
    assert errors.place.tolist() == ["ap-southeast-2"] * 2
    assert how.truncated and "rows are missing" in repr(how)
    assert "eu-west-1 could not be queried: No log group matches /aws/lambda/*" in how.notes[-1]
    with pytest.raises(ServiceError, match=r"ap-southeast-2 could not .* eu-west-1 could not"):
        both.logs(ERRORS, groups="/nothing/*")
    assert set(both.metrics(*AGE[:2], dict(AGE[2]))[0].place) == {"ap-southeast-2", "eu-west-1"}


def test_profiles_are_accounts(account, tmp_path, monkeypatch):
    keys = "region = ap-southeast-2\naws_access_key_id = x\naws_secret_access_key = x\n"
    config = tmp_path / "config"
    config.write_text(f"[profile night]\n{keys}[profile day]\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    errors, how = w.connect(profile=["night", "day"]).logs(ERRORS, groups=GROUPS, since="24h")
    assert errors.place.value_counts().to_dict() == {"night/ap-southeast-2": 2, "day/ap-southeast-2": 2}
    assert len(how.parts) == 2
    with pytest.raises(ServiceError, match="nobody"):
        w.connect(profile="nobody").logs(ERRORS, groups=GROUPS)


def test_invalid_requests_are_one_sentence(account):
    aws = w.connect()
    with pytest.raises(InputError, match="A query needs log groups"):
        aws.logs(ERRORS)
    with pytest.raises(InputError, match="'5 moons' is not a valid duration"):
        aws.metrics(*AGE[:2], dict(AGE[2]), period="5 moons")
    with pytest.raises(InputError, match=r"The period 0.5 is not"):
        aws.metrics(*AGE[:2], dict(AGE[2]), period=0.5)
    with pytest.raises(InputError, match="no limit most"):
        w.connect(most=1)


@pytest.fixture
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def connected(*scripts, targets=1, offline=False, **answers):
    """Return a connection without a cache whose calls have scripted responses, and the account behind it."""
    aws = ScriptedAws(*scripts, **answers)
    connection = Connection(
        (SessionTarget(region="eu-west-1"),) * targets,
        lambda aws: ResponseCache(),
        offline,
        max_scan_gb=3.0,
    )
    connection._sessions["eu-west-1"] = aws
    return connection, aws


def rows(*messages):
    return [{"status": "Complete", "rows": [{"@message": text} for text in messages], "statistics": {}}]


def incoming(*sizes):
    """Return a response of GetMetricData with the bytes of log groups, which got two events each."""
    results = []
    for number, size in enumerate(sizes):
        for name, value in ((f"m{2 * number}", size), (f"m{2 * number + 1}", 2.0)):
            results += [
                {"Id": name, "Label": "", "Timestamps": [NOW], "Values": [value], "StatusCode": "Complete"}
            ]
    return [[{"MetricDataResults": results}]]


def test_limits_of_a_query(apart):
    aws, account = connected(get_metric_data=incoming(3.1e9))
    with pytest.raises(InputError) as raised:
        aws.logs("stats count(*)", "g")
    assert messages_in(raised.value.args[0])["error-scan-ceiling"]["ceiling"] == "3"
    assert account.started == []
    # Without an estimate it runs, which is noted.
    aws, account = connected(
        rows("a"), get_metric_data=[ServiceError("denied")], describe_log_groups=[ServiceError("denied")]
    )
    _, how = aws.logs("stats count(*)", "g")
    assert messages_in(message_of(how.notes[0]))["insights-no-estimate"] == {
        "gigabytes": "3",
        "error": "error-as-is",
    }
    # The ceiling holds for what is scanned as well.
    scanned = [{"status": "Running", "rows": [], "statistics": {"bytesScanned": 3.1e9}}]
    done = [{"status": "Complete", "rows": [], "statistics": {"bytesScanned": 3.1e9}}]
    aws, _ = connected(scanned + done, get_metric_data=incoming(1e9))
    _, how = aws.logs("stats count(*)", "g")
    assert (how.bytes_scanned, how.cost_usd) == (3.1e9, 3.1 * 0.005)


def test_lists_of_an_account(apart):
    groups = [{"logGroups": [{"logGroupName": name} for name in ("b", "a", "b")]}]
    urls = [{"QueueUrls": ["https://sqs/1/q2", "https://sqs/1/q1"]}]
    functions = [{"Functions": [{"FunctionName": "f2"}, {"FunctionName": "f1"}]}]
    aws, account = connected(describe_log_groups=groups, list_queues=urls, list_functions=functions)
    assert (aws.log_groups(), aws.queues(), aws.functions()) == (["a", "b"], ["q1", "q2"], ["f1", "f2"])
    assert account.calls == [
        ("logs:describe_log_groups", {}),
        ("sqs:list_queues", {"MaxResults": 1000}),
        ("lambda:list_functions", {}),
    ]


def test_log_groups_by_pattern(apart):
    names = ["/aws/lambda/a", "/aws/lambda/b1", "/aws/other"]
    listed = {"logGroups": [{"logGroupName": name} for name in names]}
    aws, account = connected(rows("a"), describe_log_groups=[listed], get_metric_data=incoming(1.0))
    patterns = ["/ecs/named", "/aws/lambda/[b]?", "/ecs/named"]
    _, how = aws.logs("stats count(*)", patterns)
    assert how.origin == "/ecs/named, /aws/lambda/b1"
    assert account.calls[0] == ("logs:describe_log_groups", {"logGroupNamePrefix": "/aws/lambda/"})
    aws, account = connected(describe_log_groups=[listed])
    with pytest.raises(InputError) as raised:
        aws.log_groups("*none")
    assert messages_in(raised.value.args[0]) == {
        "error-no-log-group": {"pattern": "*none", "target": "eu-west-1"}
    }
    assert account.calls == [("logs:describe_log_groups", {})]


@pytest.mark.parametrize("period", [0, 0.5, 1.5, timedelta(milliseconds=1500)])
def test_a_period_is_whole_seconds(apart, period):
    with pytest.raises(InputError) as raised:
        connected()[0].metrics("AWS/SQS", "a", period=period)
    assert messages_in(raised.value.args[0]) == {"error-metric-period": {"period": repr(period)}}


@pytest.mark.parametrize(
    ("kind", "good", "checked", "bad"),
    [
        ("integer", " 12 ", "12", "0"),
        ("integer", "999999999", "999999999", "1000000000"),
        (
            "uuid",
            "2A57DC6F-8079-4fb3-9f1d-08298c4d938b",
            "2a57dc6f-8079-4fb3-9f1d-08298c4d938b",
            "2A57DC6F",
        ),
        ("text", "a / b", "a / b", 'a"'),
        ("name", "a.b-c_1", "a.b-c_1", "a b"),
        ("words", "a.b, ,c", r"|a\.b|c", "a/b"),
        ("words", "", "", "`"),
    ],
)
def test_values_of_parameters(kind, good, checked, bad):
    parameter = Parameter("p", kind, "")
    assert parameter.checked(good) == checked
    with pytest.raises(InputError) as raised:
        parameter.checked(bad)
    assert messages_in(raised.value.args[0]) == {
        "error-query-parameter-type": {"name": "p", "type": kind, "value": repr(bad)}
    }


def test_errors_of_a_query_of_the_library(apart):
    for name, values, expected in (
        ("worker_first", {"b": "1", "a": "2"}, {"query": "worker_first", "names": "a, b", "known": "rows"}),
        ("errors_by_type", {"a": "2"}, {"query": "errors_by_type", "names": "a", "known": "none"}),
    ):
        with pytest.raises(InputError) as raised:
            library_query(name).filled(values)
        assert messages_in(raised.value.args[0]) == {"error-query-no-parameter": expected}
    with pytest.raises(InputError) as raised:
        library_query("request").filled()
    found = messages_in(raised.value.args[0])
    assert found["error-query-needs-parameter"] == {
        "query": "request",
        "name": "request_id",
        "description": "cause-text",
    }
    assert found["cause-text"]["text"]["en"] == "request id of the invocation"
    with pytest.raises(InputError) as raised:
        library_query("x")
    assert messages_in(raised.value.args[0]) == {
        "error-query-unknown": {"name": "'x'", "known": ", ".join(library())}
    }
    # Braces that are no parameter stay as they are.
    text = LibraryQuery("n", "", "", (), " a {b} {rows} ", (Parameter("rows", "integer", "", "5"),))
    assert text.filled() == "a {b} 5"
