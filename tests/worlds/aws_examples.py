"""The account that the examples of the documentation ask, and an access log beside them."""

from datetime import UTC, datetime, timedelta

import boto3

KEYS = "aws_access_key_id = x\naws_secret_access_key = x\n"
ID = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"


def account_of_examples(front, folder, monkeypatch):
    """Fill the front with two functions, a queue and the metrics of both; write ``access.log`` into a folder.

    The profile ``prod`` exists. Everything happened within the last hours.
    """
    config = folder / "aws-config"
    config.write_text(f"[profile prod]\nregion = ap-southeast-2\n{KEYS}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    at = int((now - timedelta(hours=2)).timestamp())
    logs = boto3.client("logs", region_name="ap-southeast-2")
    for number, name in enumerate(("asr-worker", "sed-worker")):
        group = f"/aws/lambda/{name}"
        logs.create_log_group(logGroupName=group)
        lines = (
            f"START RequestId: {ID} Version: $LATEST\n",
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'\n",
            f"REPORT RequestId: {ID}\tDuration: {200 + number} ms\tBilled Duration: 300 ms\t"
            "Memory Size: 256 MB\tMax Memory Used: 90 MB\t\n",
        )
        front.engine.load(group, [(1000 * at + 10 * number + n, line, "s") for n, line in enumerate(lines)])
        front.metrics[("AWS/Logs", "IncomingBytes", (("LogGroupName", group),))] = {at: 5e8}
    queue = (("QueueName", "uploads"),)
    boto3.client("sqs", region_name="ap-southeast-2").create_queue(QueueName="uploads")
    for metric in ("ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"):
        front.metrics[("AWS/SQS", metric, queue)] = {at + 60 * number: number for number in range(60)}
    written = f"{now - timedelta(minutes=30):%d/%b/%Y:%H:%M:%S +0000}"
    request = f'192.0.2.1 - - [{written}] "GET /health HTTP/1.1" 504 167 "-" "curl/8.5.0"\n'
    (folder / "access.log").write_text(request)
