"""Evidence as people really bring it: the same answer, or a sentence that says what is missing."""

import json
import random
import shutil

import pytest
from worlds.backlog_world import World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.accounting import balance_frame as balance

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:"
ERROR = "Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'"


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a queue whose function breaks, in the AWS CLI's shapes."""
    world, folder = World(), tmp_path_factory.mktemp("bad-input") / "raw"
    world.fail(600, 1420, 0.1, ERROR)
    metrics, answers, queries = world.table("metrics"), [], []
    for place, (_, part) in enumerate(metrics.groupby(["resource", "metric", "stat"], sort=False)):
        row = part.iloc[0]
        dimension = "FunctionName" if row["namespace"] == "AWS/Lambda" else "QueueName"
        metric = {
            "Namespace": row["namespace"],
            "MetricName": row["metric"],
            "Dimensions": [{"Name": dimension, "Value": row["resource"]}],
        }
        stat = {"Metric": metric, "Period": 60, "Stat": row["stat"]}
        queries.append({"Id": f"m{place}", "MetricStat": stat, "ReturnData": True})
        answers.append(
            {
                "Id": f"m{place}",
                "Label": f"{row['resource']} {row['metric']} {row['stat']}",
                "Timestamps": [moment.isoformat() for moment in part["time"]],
                "Values": part["value"].tolist(),
                "StatusCode": "Complete",
            }
        )
    write(folder / "metrics/all.json", {"MetricDataResults": answers, "Messages": []})
    write(folder / "metrics/metric-data-queries.json", queries)
    redrive = json.dumps({"deadLetterTargetArn": f"{ARN}jobs-dlq", "maxReceiveCount": 3})
    common = {"ApproximateNumberOfMessages": "0", "VisibilityTimeout": "180", "RedrivePolicy": redrive}
    common["LastModifiedTimestamp"] = "1754923028"
    write(folder / "queues/jobs.json", {"Attributes": {"QueueArn": f"{ARN}jobs", **common}})
    dead = world.table("queue_messages")
    held = {"QueueArn": f"{ARN}jobs-dlq", "ApproximateNumberOfMessages": str(len(dead))}
    write(folder / "queues/jobs-dlq.json", {"Attributes": held})
    messages = [
        {
            "MessageId": row.message_id,
            "Body": row.body,
            "Attributes": {
                "SentTimestamp": str(int(row.sent_at.timestamp() * 1000)),
                "ApproximateReceiveCount": "4",
                "DeadLetterQueueSourceArn": f"{ARN}jobs",
            },
        }
        for row in dead.itertuples()
    ]
    write(folder / "queues/jobs-dlq-messages.json", {"Messages": messages})
    mapping = {
        "UUID": "u-1",
        "EventSourceArn": f"{ARN}jobs",
        "FunctionArn": "arn:aws:lambda:ap-southeast-2:123456789012:function:job-runner",
        "State": "Enabled",
    }
    write(folder / "functions/job-runner-mappings.json", {"EventSourceMappings": [mapping]})
    write(folder / "functions/job-runner.json", {"FunctionName": "job-runner", "Timeout": 30})
    return folder


@pytest.fixture
def raw(written, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(written, tmp_path / "raw")


@pytest.fixture(scope="module")
def whole(written):
    """The diagnosis of that folder."""
    return ask(written)


def ask(source):
    """Return the diagnosis of a folder or a case."""
    return diagnose(Investigation(source if isinstance(source, Case) else open_case(source), "backlog"))


def notes_on(case):
    return " ".join(note for table in case.coverage().values() for note in table["notes"])


def each_series(folder, change):
    path = folder / "metrics/all.json"
    whole = read(path)
    for answer in whole["MetricDataResults"]:
        pairs = change(list(zip(answer["Timestamps"], answer["Values"], strict=True)))
        answer["Timestamps"], answer["Values"] = [a for a, _ in pairs], [b for _, b in pairs]
    write(path, whole)


def split(folder, shift=0.0):
    """Make two dumps of one that overlap by a fifth; the second one's values are shifted."""
    first = read(folder / "metrics/all.json")
    second = json.loads(json.dumps(first))
    for early, late in zip(first["MetricDataResults"], second["MetricDataResults"], strict=True):
        cut, begin = int(0.6 * len(early["Values"])), int(0.4 * len(early["Values"]))
        for name in ("Timestamps", "Values"):
            early[name], late[name] = early[name][:cut], late[name][begin:]
        late["Values"] = [value + shift for value in late["Values"]]
    write(folder / "metrics/all.json", first)
    write(folder / "metrics/later.json", second)


def as_it_is(found):
    return found.extra["dead_letters"], len(found.extra["dead_lettered_work"]), found.incident_start


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "metrics/metric-data-queries.json").unlink(), "identified by their labels"),
        (lambda folder: each_series(folder, lambda p: random.Random(2).sample(p, len(p))), ""),
        (lambda folder: each_series(folder, lambda p: p + p[:300]), "came more than once and are kept once"),
        (split, "came more than once and are kept once"),
    ],
    ids=["no list of queries", "unsorted", "duplicated", "overlapping dumps"],
)
def test_the_answer_stays_the_same(raw, whole, damage, says):
    # Recordings of one device at different moments are different work.
    bodies = [message["Body"] for message in read(raw / "queues/jobs-dlq-messages.json")["Messages"]]
    assert as_it_is(whole)[:2] == (len(bodies), len(set(bodies))) == (280, 196)
    damage(raw)
    case = open_case(raw)
    found = ask(case)
    assert found.cause == whole.cause
    assert as_it_is(found) == as_it_is(whole)
    assert says in notes_on(case)


@pytest.mark.slow
def test_dead_letters_count_where_they_lie_though_the_policy_names_another_queue_now(raw):
    whole = read(raw / "queues/jobs.json")
    policy = {"deadLetterTargetArn": f"{ARN}new-dlq", "maxReceiveCount": 3}
    whole["Attributes"]["RedrivePolicy"] = json.dumps(policy)
    write(raw / "queues/jobs.json", whole)
    case = open_case(raw)
    assert ask(case).extra["dead_letters"] == 280
    (row,) = balance(case).itertuples()
    assert "names new-dlq now, but its failed messages are in jobs-dlq" in row.reasons
