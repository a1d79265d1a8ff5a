"""A watchme.toml from queues, functions, nginx.conf and compose files, with sources and notes."""

import json
import os
import tomllib
from types import SimpleNamespace

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.cli.config import config_group
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.services.propose_config import (
    Proposal,
    find_in_aws,
    find_in_files,
    toml_text,
)

NGINX = """events {}
http {
  upstream api { server 192.0.2.5:8017; }
  server {
    listen 80; server_name api.example.com;
    location /orders/ { proxy_pass http://192.0.2.6:9000; }
    location = /api/healthz { proxy_pass http://api/healthz; }
  }
}
"""
COMPOSE = """services:
  api:
    image: api
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/ready"]}
  other: {image: db}
"""


def arn(service, name):
    return f"arn:aws:{service}:eu-west-1:123456789012:{'function:' if service == 'lambda' else ''}{name}"


class Account:
    """Responses of an account; operations in ``refused`` raise an error."""

    region, label = "eu-west-1", "eu-west-1"
    target = SimpleNamespace(profile=None)

    def __init__(self, queues, functions=(), groups=(), refused=(), containers=()):
        self.queues, self.refused = queues, refused
        self.containers = dict(containers)
        mapped = {function: queue for queue, (_, function) in queues.items() if function}
        self.lists = {
            "list_queues": [f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}" for name in queues],
            "list_event_source_mappings": [
                {"EventSourceArn": arn("sqs", queue), "FunctionArn": arn("lambda", function)}
                for function, queue in mapped.items()
            ],
            "list_functions": [
                {"FunctionName": name, "Environment": {"Variables": variables}}
                for name, variables in functions
            ],
            "describe_log_groups": [{"logGroupName": name} for name in groups],
            "list_clusters": ["arn:aws:ecs:eu-west-1:123456789012:cluster/main"] if containers else [],
            "list_services": list(self.containers),
        }

    def items(self, service, operation, key, **options):
        if operation in self.refused:
            raise ServiceError(f"{service}:{operation} is not allowed.")
        return self.lists[operation]

    def call(self, service, operation, *, QueueUrl="", **options):  # noqa: N803
        if operation == "describe_services":
            return {
                "services": [
                    {"serviceName": n, "taskDefinition": n, "clusterArn": options["cluster"]}
                    for n in options["services"]
                ]
            }
        if operation == "describe_task_definition":
            given = [self.containers[options["taskDefinition"]]]
            return {"taskDefinition": {"containerDefinitions": given}}
        name = QueueUrl.rpartition("/")[2]
        dlq = self.queues[name][0]
        policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", dlq)})} if dlq else {}
        return {"Attributes": {"QueueArn": arn("sqs", name)} | policy}


ORDERS = {"orders": ("orders-dlq", "orders-worker"), "orders-dlq": (None, None)}
WORKER = ("orders-worker", {"CHARGE_URL": "https://pay.example.com/charge?key=1", "PASSWORD": "hidden"})


def values(found, system):
    return {key: each.value for key, each in found.systems[system].items()}


def test_a_queue_with_its_dlq_function_log_and_api_is_a_system():
    found = Proposal()
    find_in_aws(Account(ORDERS, [WORKER], ["/aws/lambda/orders-worker", "/aws/other"]), found)
    assert values(found, "orders") == {
        "queue": "orders",
        "dlq": "orders-dlq",
        "function": "orders-worker",
        "log_groups": ["/aws/lambda/orders-worker"],
        "api": "https://pay.example.com/charge",
    }
    assert list(found.systems) == ["orders"]
    assert found.systems["orders"]["api"].source == "variable CHARGE_URL of orders-worker"
    text = toml_text(found)
    assert "hidden" not in text
    assert tomllib.loads(text)["systems"]["orders"]["function"] == "orders-worker"


def test_an_ecs_service_with_the_queue_in_its_environment_gives_log_and_api():
    worker = {
        "environment": [
            {"name": "QUEUE_URL", "value": "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads"},
            {"name": "API", "value": "https://api.example.com/thumbnails"},
        ],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/thumbnails"}},
    }
    site = {"environment": [{"name": "QUEUE_NAME", "value": "other"}]}
    containers = {"thumbnails": worker, "site": site}
    found = Proposal()
    account = Account({"uploads": (None, None)}, groups=["/ecs/thumbnails"], containers=containers)
    find_in_aws(account, found)
    assert values(found, "uploads") == {
        "queue": "uploads",
        "log_groups": ["/ecs/thumbnails"],
        "api": "https://api.example.com/thumbnails",
    }
    assert not found.failed
    assert ["main/thumbnails" in str(one) for one in notes_of(found)] == [True]


def test_a_refused_list_is_noted_and_the_rest_is_found():
    found = Proposal()
    find_in_aws(Account(ORDERS, refused=("list_functions", "describe_log_groups")), found)
    assert set(values(found, "orders")) == {"queue", "dlq", "function"}
    assert found.failed
    assert [note.id for note in found.notes] == ["config-init-refused"] * 2


def test_patterns_choose_queues_and_an_unknown_one_is_an_error():
    found = Proposal()
    account = Account({**ORDERS, "mails": (None, None)})
    find_in_aws(account, found, ["mail*"])
    assert list(found.systems) == ["mails"]
    with pytest.raises(InputError, match="No queue in eu-west-1"):
        find_in_aws(account, Proposal(), ["ordres"])


@together(
    ("url", "is_api"),
    [
        ("https://pay.example.com/v2", True),
        ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", True),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", False),
        ("https://user:secret@pay.example.com", False),
        ("postgres://db.example.com/orders", False),
        ("http://[broken", False),
    ],
)
def test_only_plain_urls_of_services_are_apis(url, is_api):
    found = Proposal()
    find_in_aws(Account(ORDERS, [("orders-worker", {"TARGET": url})]), found)
    assert values(found, "orders").get("api") == (url if is_api else None)


def test_files_state_health_and_port_of_the_only_system(tmp_path):
    (tmp_path / "nginx.conf").write_text(NGINX)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    found = Proposal()
    find_in_aws(Account(ORDERS), found)
    find_in_files([tmp_path / "compose.yaml", tmp_path / "nginx.conf"], found)
    # The path that clients use, and the port of the upstream that serves it.
    assert found.systems["orders"]["health"] == ("/api/healthz", "nginx.conf:7")
    assert found.systems["orders"]["port"] == (8017, "nginx.conf:7")
    alone = Proposal()
    find_in_files([tmp_path / "compose.yaml"], alone)
    assert values(alone, "api") == {"health": "/ready", "port": 8000}


@pytest.mark.parametrize(("name", "said"), [("nginx.conf", "no server"), ("compose.yaml", "no services")])
def test_a_file_of_something_else_is_an_error(tmp_path, name, said):
    (tmp_path / name).write_text("a: 1\n" if name.endswith("yaml") else "user www;\n")
    with pytest.raises(InputError, match=said):
        find_in_files([tmp_path / name], Proposal())


def test_the_command_works_without_aws_and_never_overwrites(tmp_path, monkeypatch, watchme):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nginx.conf").write_text(NGINX)
    assert watchme("config", "init", "nginx.conf", "--no-aws").returncode == 0
    system = load_config(tmp_path, {"XDG_DATA_HOME": os.environ["XDG_DATA_HOME"]}).systems["api-example-com"]
    assert (system.health, system.port) == ("/api/healthz", 8017)
    before = (tmp_path / "watchme.toml").read_bytes()
    again = watchme("config", "init", "nginx.conf", "--no-aws")
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert (tmp_path / "watchme.toml").read_bytes() == before
    assert watchme("config", "init", "nginx.conf", "--no-aws", "--force").returncode == 0
    assert watchme("config", "init", "--no-aws", "--to", "other.toml").returncode == 2
    assert config_group.commands.keys() == {"init", "show", "check", "trust"}


def notes_of(found):
    return [messages_in(each) for each in found.notes]
