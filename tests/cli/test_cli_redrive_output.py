"""What ``watchme redrive`` prints and writes, over three messages of a dead-letter queue."""

import json

import pytest
from click.testing import CliRunner
from worlds.printed import is_error, lines_of, one_line, said

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli.redrive import redrive
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.text.message import Choice, Duration, Number, Resource, message

OUT = Printer("en")
REGION = "ap-northeast-1"
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:orders"
TRACE = {"DataType": "String", "StringValue": "t-1"}
URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/orders"


def stored(folder, name, **attributes):
    arn = f"arn:aws:sqs:{REGION}:123456789012:{name}"
    (folder / f"{name}.json").write_text(json.dumps({"Attributes": {"QueueArn": arn, **attributes}}))


@pytest.fixture
def case(tmp_path):
    """A case with a queue and the three messages of its DLQ; a body is longer than a table shows."""
    folder = tmp_path / "evidence" / "queues"
    folder.mkdir(parents=True)
    policy = json.dumps({"deadLetterTargetArn": f"{QUEUE}-dlq", "maxReceiveCount": 3})
    stored(folder, "orders", VisibilityTimeout="30", RedrivePolicy=policy)
    stored(folder, "orders-dlq", ApproximateNumberOfMessages="3")
    messages = [
        {
            "MessageId": f"m-{number}",
            "Body": json.dumps({"order_id": number, "note": "x" * 80 * (number == 3)}),
            "Attributes": {
                "SentTimestamp": str(1763431290000 + number), "ApproximateReceiveCount": "4",
                "DeadLetterQueueSourceArn": QUEUE,
            },
        }
        for number in (1, 2, 3)
    ]  # fmt: skip
    messages[0]["MessageAttributes"] = {"trace": TRACE}
    (folder / "orders-dlq-messages.json").write_text(json.dumps({"Messages": messages}))
    return import_folder(tmp_path / "evidence", tmp_path / "case").case.path


def run(*words):
    # Nothing in the case says why these messages failed.
    words = [*map(str, words), "--include-unknown", "--language", "en"]
    return CliRunner().invoke(redrive, words, standalone_mode=False)


def listed(count):
    return said("redrive-list", messages=count, written=Choice("no"), file="")


def test_the_list_has_the_same_messages_in_each_form(case, tmp_path):
    ended = run(case)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.return_value, [line["QueueUrl"] for line in lines]) == (0, [URL] * 3)
    assert [json.loads(line["MessageBody"])["order_id"] for line in lines] == [1, 2, 3]
    # What the sender set is set again, beside the id that the message had.
    own = {"resent_message_id": {"DataType": "String", "StringValue": "m-1"}}
    assert lines[0]["MessageAttributes"] == {"trace": TRACE, **own}
    assert lines_of(ended.stderr)[0] == listed(3)
    assert json.loads(run(case, "--json").stdout) == lines
    heads = " ".join(said(f"redrive-column-{name}") for name in ("queue", "body"))
    bodies = [line["MessageBody"] for line in lines]
    shown = [bodies[0], bodies[1], bodies[2][:80] + "…"]
    table = lines_of(run(case, "--output", "table").stdout)
    assert table == [heads, *(f"orders {body}" for body in shown)]
    file = tmp_path / "again.jsonl"
    written = run(case, "--to", file)
    assert (written.stdout, file.read_text()) == ("", ended.stdout)
    expected = said("redrive-list", messages=3, written=Choice("yes"), file=str(file))
    assert lines_of(written.stderr)[0] == expected
    # A list is replaced by a list, and nothing else is.
    assert run(case, "--to", file).return_value == 0
    file.write_text("mine")
    assert run(case, "--to", file).exception is not None
    assert run(case, "--to", file, "--apply").exception is not None
    assert file.read_text() == "mine"


def test_the_plan_says_what_would_be_done(case):
    sentences = [
        message("redrive-plan-title", count=3, queue=Resource("orders")),
        message(
            "redrive-plan-place",
            queue=Resource("orders"),
            account=Resource("123456789012"),
            region=Resource(REGION),
        ),
        # The case holds no log, which would show whether the work was done.
        message("redrive-plan-may-have-run", count=3),
        message("redrive-plan-hold", visibility=Duration(60.0), archived=Choice("no")),
        # The visibility timeout of the queue is 30 seconds.
        message("redrive-plan-first", within=Duration(120.0), quiet=Duration(60.0)),
        message("redrive-plan-rest", rate=Number(2.0), duration=Duration(1.5)),
        message("redrive-plan-delete"),
        # Three messages are sent, and received and deleted in one call each.
        message("redrive-plan-cost", count=5),
        message("redrive-plan-undo"),
    ]
    words = (
        case, "--plan", "--rate", "2", "--confirm-within", "2m", "--visibility-timeout", "60"
    )  # fmt: skip
    table = run(*words)
    shown = [one_line(each) for each in sentences]
    assert (table.return_value, lines_of(table.stdout)) == (0, shown)
    found = json.loads(run(*words, "--json").stdout)
    assert (found["messages"], found["rate_per_s"]) == (3, 2.0)
    assert [each["sentence"] for each in found["sentences"]] == [*map(str.strip, table.stdout.splitlines())]
    assert found["sentences"][0]["message"] == sentences[0].to_dict()
    rows = [json.loads(line) for line in run(*words, "--output", "jsonl").stdout.splitlines()]
    assert rows == [{"sentence": each["sentence"]} for each in found["sentences"]]
    # Without a rate in the options or in the case, one message a second.
    assert json.loads(run(case, "--plan", "--json").stdout)["rate_per_s"] == 1.0


def test_options_that_do_not_fit_are_refused_before_anything_is_read(case, tmp_path):
    body = tmp_path / "body.json"
    body.write_text("{}")
    for words, message_id, values in (
        ((case, "--from", body, "--create", body), "error-from-or-create", {}),
        ((), "error-redrive-no-messages", {}),
        ((case, "--create", body), "error-redrive-no-queue", {}),
        ((case, "--region", "eu-west-1"), "error-redrive-region",
         {"queue": "orders", "region": REGION, "stated": "eu-west-1"}),
    ):  # fmt: skip
        assert is_error(run(*words).exception, message_id, **values), words
    assert run(case, "--region", REGION).return_value == 0
