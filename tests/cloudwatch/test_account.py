"""What an account states: the systems in it, and messages of a dead-letter queue, which stay there."""

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.queue_account import account_with_queue, with_containers

from watchme_analysis.cloudwatch.account_state import sample_messages
from watchme_analysis.cloudwatch.account_systems import Proposal, find_in_aws
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError


@pytest.fixture
def account(front):
    return account_with_queue(front)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["denied", "throttle"])
def test_dead_letters_are_visible_again_when_reading_them_fails(account, tmp_path, fault):
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="sed-queue-dlq")["QueueUrl"]
    account.faults["ReceiveMessage"].extend([None, *[fault] * 20])
    assert len(sample_messages(Aws(rate_limits=FAST), url, 25)) == 10
    account.faults.clear()
    state = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert state["ApproximateNumberOfMessagesNotVisible"] == "0"
    # Ten were read before, and say so from now on.
    counts = [message["Attributes"]["ApproximateReceiveCount"] for message in sample_messages(Aws(), url, 25)]
    assert sorted(counts) == ["1"] * 15 + ["2"] * 10


def test_a_proposed_configuration_notes_refusals_and_omits_aws_hosts_and_passwords(account):
    functions = boto3.client("lambda")
    for url, is_api in (
        ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod?key=1", True),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", False),
        ("https://user:do-not-tell@pay.example.com", False),
        ("postgres://db.example.com/orders", False),
    ):
        variables = {"Variables": {"API_URL": url}}
        functions.update_function_configuration(FunctionName="sed-worker", Environment=variables)
        found = Proposal()
        find_in_aws(Aws(rate_limits=FAST), found, ["sed-queue"])
        api = found.systems["sed-queue"].get("api")
        assert (api and api.value) == (url.partition("?")[0] if is_api else None), url
    with pytest.raises(InputError, match="No queue in"):
        find_in_aws(Aws(rate_limits=FAST), Proposal(), ["ordres"])
    account.faults["DescribeLogGroups"].append("denied")
    with_containers("uploads")
    found = Proposal()
    find_in_aws(Aws(rate_limits=FAST), found)
    assert found.failed and {*found.systems} == {"sed-queue", "uploads"}
    assert [note.id for note in found.notes] == ["config-init-refused", "config-init-ecs"]
