"""The check of what the configuration of a system names."""

from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.named_resources import check_system
from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.config import System


def test_each_name_of_a_system_is_checked(tmp_path):
    def queue_url(QueueName):  # noqa: N803 - as boto3 names it
        if QueueName == "gone":
            raise NotFoundError("gone does not exist")
        return {"QueueUrl": QueueName}

    def log_groups(logGroupNamePrefix):  # noqa: N803
        names = ["/aws/lambda/worker"] if logGroupNamePrefix == "/aws/lambda/w" else []
        return {"logGroups": [{"logGroupName": name} for name in names]}

    alarms = tmp_path / "alarms.yaml"
    alarms.write_text("alarms: []\n")
    aws = ScriptedAws(
        get_queue_url=queue_url,
        get_function_configuration=lambda **_: {},
        describe_log_groups=log_groups,
    )
    groups = ("/aws/lambda/w*", "/other/*")
    system = System(
        "staging", ("jobs", "gone"), ("jobs-dlq",), ("worker",), log_groups=groups, alarms=str(alarms)
    )
    found = [(each.key, each.name, each.problem) for each in check_system(aws, system)]
    assert [(key, name) for key, name, _ in found] == [
        ("systems.staging.queue", "jobs"), ("systems.staging.queue", "gone"),
        ("systems.staging.dlq", "jobs-dlq"), ("systems.staging.function", "worker"),
        ("systems.staging.log_groups", "/aws/lambda/w*"),
        ("systems.staging.log_groups", "/other/*"), ("systems.staging.alarms", str(alarms)),
    ]  # fmt: skip
    problems = {name: problem for _, name, problem in found if problem is not None}
    assert problems.keys() == {"gone", "/other/*"}
    assert (problems["gone"], "eu-west-1" in problems["/other/*"]) == ("gone does not exist", True)
    [missing] = check_system(aws, System("staging", alarms=str(tmp_path)))  # a folder is no file
    assert missing.problem
