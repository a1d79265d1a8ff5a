"""A queue ``orders`` with its DLQ and the function that drains it, in the account of the environment."""

import io
import json
import zipfile

import boto3

ACCOUNT = "123456789012"


def create_order_system(region, receives=3, visibility_s=180, timeout_s=30):
    """Create the queue, its DLQ, the function and the event source mapping, and return the mapping's UUID."""
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="orders-dlq")
    redrive = {
        "deadLetterTargetArn": f"arn:aws:sqs:{region}:{ACCOUNT}:orders-dlq",
        "maxReceiveCount": receives,
    }
    attributes = {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(redrive)}
    sqs.create_queue(QueueName="orders", Attributes=attributes)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = boto3.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context): pass")
    functions = boto3.client("lambda")
    functions.create_function(
        FunctionName="orders-worker",
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=timeout_s,
    )
    return functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{region}:{ACCOUNT}:orders", FunctionName="orders-worker", BatchSize=10
    )["UUID"]
