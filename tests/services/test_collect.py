import json
import os
from dataclasses import replace
from datetime import timedelta

import boto3
import pandas as pd
import pytest
from worlds.aws_front import FAST
from worlds.messages import refusal
from worlds.noted_calls import noted_calls
from worlds.queue_account import GROUP, NOW, START, WINDOW, account_with_queue, with_containers
from worlds.settings_file import write_settings
from worlds.small_evidence import PROBES

from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.cli import cli
from watchme_analysis.cloudwatch.insights.cached import QueryOptions
from watchme_analysis.cloudwatch.response_cache import CacheMissError, ResponseCache
from watchme_analysis.cloudwatch.session import Aws, NotFoundError
from watchme_analysis.config import load_config
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.services.collect import Request, pull_case
from watchme_analysis.window import Window


@pytest.fixture
def account(front):
    return account_with_queue(front)


def request(**more):
    return Request(WINDOW, queues=("sed-queue",), **more)


@pytest.mark.slow
def test_a_queue_leads_to_everything_that_belongs_to_it(account, tmp_path):
    aws = Aws(rate_limits=FAST)
    pulled = pull_case(aws, request(), tmp_path / "case")
    assert pulled.failures == {}
    case = pulled.report.case
    assert sorted(case.table("queues").queue) == ["sed-queue", "sed-queue-dlq"]
    function = case.table("functions").iloc[0]
    assert (function.function, function.timeout_s, function.reserved_concurrency) == ("sed-worker", 60, 2)
    assert "do-not-tell" not in function.environment
    assert case.table("event_source_mappings").queue.tolist() == ["sed-queue"]
    alarms = case.table("alarms").set_index("alarm")
    assert alarms.resource["dlq-visible"] == "sed-queue-dlq"
    assert json.loads(alarms.definition["backlog"])["AlarmRule"] == 'ALARM("dlq-visible")'
    assert pd.isna(alarms.threshold["backlog"])
    history = case.table("alarm_history")
    assert history.alarm.tolist() == ["dlq-visible", "backlog"]
    assert set(history.to_state) == {"ALARM"}
    assert len(case.table("changes")) == 5
    messages = case.table("queue_messages")
    assert sorted(messages.work_item) == sorted(f"d{n}" for n in range(25))
    assert set(messages.receive_count) == {1}
    sent = case.table("metrics").query("metric == 'NumberOfMessagesSent' and resource == 'sed-queue'")
    assert sent.value.sum() == sum(n % 3 for n in range(300))
    assert set(sent.period_s) == {60}
    silent = case.table("metric_queries").query(
        "metric == 'NumberOfMessagesSent' and resource == 'sed-queue-dlq'"
    )
    assert silent.points.tolist() == [0]
    errors = case.table("log_events").query("query_name == 'sed-worker-errors'")
    assert len(errors) == 200
    assert set(errors.error_type) == {"ReadTimeout"}
    queries = case.table("log_queries").set_index("query_name")
    assert queries.truncated.to_dict() == {
        "sed-worker-errors": False,
        "sed-worker-first": True,
        "sed-worker-recent": True,
    }
    assert pulled.bytes_scanned > 0
    assert case.window == WINDOW


@pytest.mark.slow
def test_dead_letters_stay_where_they_are(account, tmp_path):
    first = pull_case(Aws(rate_limits=FAST), request(sample=7), tmp_path / "case")
    assert len(open_case(tmp_path / "case").table("queue_messages")) == 7
    assert not any("hidden" in note for note in first.notes)
    assert "7 of about 25 messages of sed-queue-dlq were read." in first.notes
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="sed-queue-dlq")["QueueUrl"]
    state = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (state["ApproximateNumberOfMessages"], state["ApproximateNumberOfMessagesNotVisible"]) == (
        "25",
        "0",
    )
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
    second = pull_case(Aws(rate_limits=FAST), request(), tmp_path / "case")
    assert any("About 10 more messages of sed-queue-dlq were hidden" in note for note in second.notes)


@pytest.fixture
def called():
    with noted_calls() as found:
        yield found


@pytest.mark.slow
def test_the_policy_is_what_is_called(account, called, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    called.add(("ecs", "DescribeTasks"))  # services of moto start no task
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    with_containers("uploads")
    account.polls = 10**6
    cases = [tmp_path / "one", tmp_path / "two"]
    names = ["--queue", "sed-queue", "--queue", "uploads"]
    assert run(capsys, "case", "pull", "backlog", cases[0], *names, "--deadline", "1")[0] == 1
    account.polls = 1
    assert run(capsys, "query", "run", "worker_errors")[0] == 0
    sampling = {("sqs", "ReceiveMessage"), ("sqs", "ChangeMessageVisibilityBatch")}
    assert sampling < called
    # SQS decrypts messages with the key of their queue on behalf of the caller.
    dlq = ("--queue", "sed-queue-dlq")
    assert allowed(capsys, *dlq) - {"kms:Decrypt"} == {
        f"{service}:{operation.removesuffix('Batch')}" for service, operation in called
    } - {"sts:GetCallerIdentity"}
    called.clear()
    names = ["--queue", "sed-queue", "--function", "sed-worker"]
    assert run(capsys, "case", "pull", "health", cases[1], *names)[0] == 0
    assert not called & sampling
    names = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "kms:Decrypt"}
    without = allowed(capsys, *dlq) - names
    assert allowed(capsys, "backlog", "--dlq-sample", 0) == allowed(capsys, "health") == without


@pytest.mark.slow
def test_a_queue_without_function_leads_to_the_containers_that_name_it(account, tmp_path):
    with_containers("uploads")
    failed = "[ERROR] AccessDenied when calling GetObject"
    account.engine.load("/ecs/uploads-worker", [(int(1000 * START.timestamp()), failed, "s")])
    pulled = pull_case(Aws(rate_limits=FAST), Request(WINDOW, queues=("uploads",)), tmp_path / "case")
    assert not pulled.failures
    consumers = pulled.report.case.table("consumers").set_index("name")
    assert set(consumers.index) == {"uploads-worker", "hosts"}
    assert sorted(consumers["kind"]) == ["definition", "group", "service"]
    assert consumers.loc["hosts", "queues"] == '["uploads"]'
    log = pulled.report.case.table("app_log")
    assert log["service"].tolist() == ["uploads-worker"]
    assert log["time"].dt.to_pydatetime().tolist() == [START]


def allowed(capsys, *words):
    """The actions of the printed policy."""
    _, printed, _ = run(capsys, "case", "pull", *words, "--print-policy")
    return {action for statement in json.loads(printed)["Statement"] for action in statement["Action"]}


def test_a_part_that_fails_costs_no_other(account, tmp_path):
    account.faults["LookupEvents"].append("denied")
    del account.engine.tables[GROUP]
    pulled = pull_case(Aws(rate_limits=FAST), request(), tmp_path / "case")
    assert set(pulled.failures) == {"changes (CloudTrail)", f"logs of {GROUP}"}
    case = pulled.report.case
    assert case.table("changes").empty
    queries = case.table("log_queries")
    assert queries.rows.isna().all()
    assert queries.truncated.all()


@pytest.mark.slow
def test_what_was_deleted_costs_no_other_part(account, tmp_path):
    """A deleted function and a deleted queue are recorded as missing, and the rest is pulled."""
    named = Request(WINDOW, queues=("sed-queue", "gone"), functions=("nobody",))
    pulled = pull_case(Aws(rate_limits=FAST), named, tmp_path / "case")
    assert {"queue gone", "function nobody"} <= set(pulled.failures)
    assert set(open_case(tmp_path / "case").table("queues").queue) == {"sed-queue", "sed-queue-dlq"}
    boto3.client("sqs").delete_queue(
        QueueUrl=boto3.client("sqs").get_queue_url(QueueName="sed-queue-dlq")["QueueUrl"]
    )
    pulled = pull_case(Aws(rate_limits=FAST), Request(WINDOW, queues=("sed-queue",)), tmp_path / "other")
    assert [*pulled.failures] == ["queue sed-queue-dlq"]
    assert set(pulled.report.case.table("queues").queue) == {"sed-queue"}


@pytest.mark.slow
def test_a_ceiling_refuses_before_scanning(account, tmp_path):
    hour, aws = int(START.timestamp()) // 3600 * 3600 + 3600, Aws(rate_limits=FAST)
    account.metrics[("AWS/Logs", "IncomingBytes", (("LogGroupName", GROUP),))] = {hour: 5e9}
    with pytest.raises(InputError, match=r"15.000 GB, about 0.0750 USD .* --max-scan-gb"):
        pull_case(aws, request(options=QueryOptions(max_scan_bytes=10e9)), tmp_path / "case")
    assert not account.started
    pull_case(aws, request(options=QueryOptions(max_scan_bytes=20e9)), tmp_path / "case")


@pytest.mark.slow
def test_offline_takes_what_is_kept_or_says_what_lacks(account, tmp_path):
    store = tmp_path / "cache", "here"
    named = {"functions": ("sed-worker",)}
    pull_case(
        Aws(rate_limits=FAST),
        Request(WINDOW, **named, options=QueryOptions(ResponseCache(*store))),
        tmp_path / "one",
    )
    calls = sum(account.calls.values())
    offline = QueryOptions(ResponseCache(*store, offline=True))
    pulled = pull_case(Aws(rate_limits=FAST), Request(WINDOW, **named, options=offline), tmp_path / "two")
    assert sum(account.calls.values()) == calls
    assert len(pulled.report.case.table("log_events")) > 200
    tables = [open_case(tmp_path / name) for name in ("one", "two")]
    for table in tables[0].tables:
        if table not in {"log_queries", "metric_queries"}:
            pd.testing.assert_frame_equal(*(case.table(table) for case in tables))
    later = Request(Window(START - timedelta(hours=1), NOW), **named, options=offline)
    missing = pull_case(Aws(rate_limits=FAST), later, tmp_path / "three").failures
    assert set(missing) == {"metrics", "alarm history", "changes (CloudTrail)", f"logs of {GROUP}"}
    assert all("run once without --offline" in why for why in missing.values())
    with pytest.raises(CacheMissError, match="queues and functions"):
        pull_case(
            Aws(rate_limits=FAST), Request(WINDOW, functions=("other",), options=offline), tmp_path / "four"
        )


def run(capsys, *arguments):
    """Run the command as a shell does and return its exit code, output and errors."""
    code = cli.main([*map(str, arguments)], standalone_mode=False)
    return (code, *capsys.readouterr())


@pytest.mark.slow
def test_a_pull_replaces_a_case_of_other_evidence_only_by_force(account, tmp_path, monkeypatch, capsys):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "probes.csv").write_text(PROBES)
    wanted, aws = Request(WINDOW, functions=("sed-worker",), sample=0), Aws(rate_limits=FAST)
    earlier = replace(wanted, window=replace(WINDOW, start=START + timedelta(hours=1)))
    cases = {
        "imported": lambda case: import_folder(tmp_path / "evidence", case),
        "of another window": lambda case: pull_case(aws, earlier, case),
        "of other resources": lambda case: pull_case(aws, replace(wanted, queues=("sed-queue",)), case),
    }
    for name, write in cases.items():
        case = tmp_path / name.replace(" ", "-")
        write(case)
        (case / "notes.md").write_text("mine")
        before = {path: path.read_bytes() for path in case.rglob("*") if path.is_file()}
        calls = account.calls["StartQuery"]
        refused = refusal(pull_case, aws, wanted, case, error=CaseError)
        assert "error-case-of-other-evidence" in refused, name
        assert {path: path.read_bytes() for path in case.rglob("*") if path.is_file()} == before, name
        assert account.calls["StartQuery"] == calls, "refused before anything is paid for"
    # The same request fills the gaps of its own case.
    pull_case(aws, wanted, case, force=True)
    assert pull_case(aws, wanted, case).report.case.table("functions")["function"].tolist() == ["sed-worker"]
    assert (case / "notes.md").read_text() == "mine"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = ("case", "pull", "backlog", tmp_path / "imported", "--function", "sed-worker", "--since", "7h")
    assert "error-case-of-other-evidence" in refusal(run, capsys, *words, error=CaseError)
    assert run(capsys, *words, "--force")[0] == 0
    assert (tmp_path / "imported" / "notes.md").read_text() == "mine"


TWO_SYSTEMS = """
[systems.sounds]
queue = "sed-queue"
dlq = "sed-queue-dlq"
function = "sed-worker"
log_groups = ["/aws/lambda/sed-*"]
alarms = "alarms.yaml"

[systems.gone]
queue = "gone"
function = "gone-worker"
log_groups = ["/aws/lambda/gone-*"]
"""


@pytest.mark.slow
def test_a_system_says_what_to_pull_and_a_check_says_what_is_missing(account, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_settings(tmp_path, TWO_SYSTEMS)
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    with pytest.raises(InputError, match=r"several systems: .*sounds, gone"):
        run(capsys, "case", "pull", "backlog", "case")
    code, out, _ = run(capsys, "case", "pull", "backlog", "case", "--system", "sounds", "--since", "7h")
    assert (code, "queues: sed-queue" in out, "functions: sed-worker" in out) == (0, True, True)
    assert open_case(tmp_path / "case").table("queues")["queue"].tolist()
    # A named resource is stronger than the system.
    with pytest.raises(NotFoundError, match="nowhere"):
        run(capsys, "case", "pull", "backlog", "other", "--system", "sounds", "--queue", "nowhere")
    code, out, _ = run(capsys, "query", "run", "worker_first", "--system", "sounds", "--since", "7h")
    assert code == 0
    code, out, _ = run(capsys, "config", "check")
    lines = {
        line.split()[0] + line.split()[1]: line for line in out.splitlines() if line.startswith("systems")
    }
    good = {key for key, line in lines.items() if line.endswith(" ok")}
    assert code == 1
    assert good == {
        "systems.sounds.queuesed-queue", "systems.sounds.dlqsed-queue-dlq",
        "systems.sounds.functionsed-worker", "systems.sounds.log_groups/aws/lambda/sed-*",
    }  # fmt: skip
    assert len(lines) == 8
    write_settings(tmp_path, '[systems.sounds]\nqueue = "sed-queue"\n')
    assert run(capsys, "config", "check")[0] == 0


def test_a_configuration_is_made_from_an_account_and_passes_its_check(account, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    code, out, err = run(capsys, "config", "init")
    assert code == 0, err
    system = load_config(tmp_path, {"XDG_DATA_HOME": os.environ["XDG_DATA_HOME"]}).systems["sed-queue"]
    assert system.stated() == {
        "queue": ("sed-queue",),
        "dlq": ("sed-queue-dlq",),
        "function": ("sed-worker",),
        "api": "http://192.0.2.1:8017",
        "log_groups": (GROUP,),
    }
    assert "do-not-tell" not in (tmp_path / "watchme.toml").read_text() + out + err
    assert load_config(tmp_path, {"XDG_DATA_HOME": os.environ["XDG_DATA_HOME"]}).region == "ap-southeast-2"
    assert run(capsys, "config", "check")[0] == 0
