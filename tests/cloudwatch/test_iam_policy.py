"""IAM policies: the least that a pull, a remedy or a destination needs."""

from watchme_analysis.cloudwatch.iam_policy import Grant, grants_of, policy_of, pull_grants

RECEIVE, SEND, DELETE = "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage"


def allowed(grants):
    """Return the resources of each action."""
    statements = policy_of(grants)["Statement"]
    assert len({each["Sid"] for each in statements}) == len(statements)
    return {action: each["Resource"] for each in statements for action in each["Action"]}


def test_pull_receives_from_named_queues_alone():
    reading = allowed(pull_grants())
    assert all(each == ["*"] for each in reading.values()) and RECEIVE not in reading
    names = ["orders-dlq", "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads-dlq"]
    named = allowed(pull_grants(names))
    assert named[RECEIVE] == ["arn:aws:sqs:*:*:orders-dlq", "arn:aws:sqs:*:*:uploads-dlq"]
    assert {action: named[action] for action in reading} == reading


def test_keys_of_encrypted_queues_are_allowed_through_sqs_alone():
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    for action, keys in (
        (RECEIVE, {"kms:Decrypt"}), (SEND, {"kms:Decrypt", "kms:GenerateDataKey"}), (DELETE, set()),
    ):  # fmt: skip
        assert allowed(grants_of([action])).keys() == {action, *keys}
        [*_, last] = policy_of(grants_of([action]))["Statement"]
        assert not keys or last["Condition"] == {"StringLike": {"kms:ViaService": "sqs.*"}}


def test_remedy_changes_messages_of_the_named_queue_alone():
    found = allowed(grants_of([RECEIVE, DELETE, "sqs:GetQueueUrl"], ["orders-dlq"]))
    assert found[RECEIVE] == found[DELETE] == ["arn:aws:sqs:*:*:orders-dlq"]
    assert found["sqs:GetQueueUrl"] == ["*"]


def test_grants_of_the_same_actions_are_one_statement():
    policy = policy_of([Grant((SEND,), ("b",)), Grant((SEND,), ("a",)), Grant(("sts:GetCallerIdentity",))])
    first, keys = policy["Statement"]
    assert (first["Resource"], first["Action"], "kms:Decrypt" in keys["Action"]) == (["a", "b"], [SEND], True)
