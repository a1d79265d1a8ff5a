"""The front for Python: logs, metrics and prices of AWS, called as a person types it."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.settings_file import write_settings

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
    assert w.connect().log_groups("/aws/lambda/*") == [*GROUPS]
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
