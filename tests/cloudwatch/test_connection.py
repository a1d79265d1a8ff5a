"""The front for Python: logs, metrics and prices of AWS, called as a person types it."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

import watchme_analysis as w
from watchme_analysis.cloudwatch.response_cache import CacheMissError
from watchme_analysis.errors import InputError, ServiceError

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


@pytest.mark.slow
def test_several_names_and_statistics_are_one_request_with_a_period_of_my_own(account):
    names = ["ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"]
    frame, _ = w.connect().metrics(
        "AWS/SQS", names, {"QueueName": "uploads"}, stat=["Maximum", "Average"], period="1h", since="12h"
    )
    assert len(frame.groupby(["metric", "stat"])) == 4
    assert set(frame.period_s) == {3600}
    assert account.calls["GetMetricData"] == 1


def test_the_catalogue_of_a_queue(account):
    aws = w.connect()
    frame, _ = aws.metrics_of(queues="uploads", since="7h")
    listed = aws.metric_catalogue()
    pairs = listed[listed.namespace == "AWS/SQS"][["metric", "stat"]]
    assert set(map(tuple, frame[["metric", "stat"]].to_numpy())) == set(map(tuple, pairs.to_numpy()))
    with pytest.raises(InputError, match="Name queues"):
        aws.metrics_of()


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
    (tmp_path / "watchme.toml").write_text(systems)
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


@pytest.mark.slow
def test_the_region_comes_from_the_settings(account, tmp_path, monkeypatch):
    (tmp_path / "watchme.toml").write_text('region = "eu-west-1"\n')
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert repr(w.connect(offline=True)) == "<Connection to eu-west-1, offline>"
    with pytest.raises(InputError, match=r"No log group matches .* in eu-west-1"):
        w.connect().logs(ERRORS, groups="/aws/lambda/*")
    rows, _ = w.connect(region="ap-southeast-2").logs(ERRORS, groups="/aws/lambda/*")
    assert len(rows) == 2


def test_bounds_are_texts_datetimes_or_spans(account):
    aws = w.connect()
    window = {"since": NOW - timedelta(hours=3), "until": NOW - timedelta(hours=1)}
    rows, how = aws.logs(ERRORS, groups=GROUPS, **window)
    assert (len(rows), how.start, how.end) == (2, window["since"], window["until"])
    assert len(aws.logs(ERRORS, groups=GROUPS, since=timedelta(hours=1))[0]) == 0
    # A time without a zone is in the zone of the settings, Asia/Tokyo in tests.
    local = (NOW + timedelta(hours=9)).replace(tzinfo=None) - timedelta(hours=3)
    assert aws.logs(ERRORS, groups=GROUPS, since=local)[1].start == NOW - timedelta(hours=3)
    for bad, words in (("2 houres", "not a valid time"), (7, "not a valid time")):
        with pytest.raises(InputError, match=words):
            aws.logs(ERRORS, groups=GROUPS, since=bad)


def test_invalid_requests_are_one_sentence(account):
    aws = w.connect()
    with pytest.raises(InputError, match="A query needs log groups"):
        aws.logs(ERRORS)
    with pytest.raises(InputError, match="'5 minutes' is not a valid duration"):
        aws.metrics(*AGE[:2], dict(AGE[2]), period="5 minutes")
    with pytest.raises(InputError, match=r"The period 0.5 is not"):
        aws.metrics(*AGE[:2], dict(AGE[2]), period=0.5)
    with pytest.raises(InputError, match="no limit most"):
        w.connect(most=1)


def test_lists_of_what_there_is(account):
    boto3.client("sqs").create_queue(QueueName="uploads")
    aws = w.connect()
    assert aws.log_groups("/aws/*") == [*GROUPS]
    assert aws.queues() == ["uploads"]
    assert aws.functions() == []


@pytest.mark.slow
def test_fields_of_json_messages_become_columns(account):
    at = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    account.engine.load(GROUPS[0], [(at, json.dumps({"level": "ERROR", "n": 2}), "s")])
    frame, _ = w.connect().logs(ERRORS, groups=GROUPS[0], flatten=True)
    assert frame["message.n"].tolist() == [2]
