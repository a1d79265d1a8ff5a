"""Of several applications with the same routes, only the one that serves the affected address is evidence."""

import json

import pandas as pd
import pytest
from worlds.health_world import HEALTH, USUAL, Signals, case, give, investigate
from worlds.together import together

from watchme_analysis.evidence.compose import compose_services
from watchme_analysis.health.affected_service import own_source
from watchme_analysis.health.context_builder import health_context
from watchme_analysis.health.running_source import running_applications
from watchme_analysis.schema import conform


def processes(*rows):
    return conform("app_processes", pd.DataFrame(list(rows)))


def compose(**services):
    rows = [
        {"file": file, "service": name, "path": path, "value": json.dumps(value)}
        for name, (file, settings) in services.items()
        for path, value in settings.items()
    ]
    return compose_services(conform("compose_settings", pd.DataFrame(rows)))


COMMAND = {"file": "start.txt", "application_file": "a/main.py"}
IMAGE = {"file": "b/Dockerfile.prod", "app": "main:app", "port": 8017, "application_file": "b/main_db.py"}
PUBLISHED = {"ports.0": "127.0.0.1:8017:8017"}


@together(
    ("address", "started", "services", "found"),
    [
        (
            "192.0.2.1:8000",
            [COMMAND | {"addr": "192.0.2.1"}, COMMAND | {"addr": "192.0.2.2", "application_file": "c.py"}],
            {},
            {"a/main.py"},
        ),
        (
            "192.0.2.1:1",
            [
                COMMAND | {"addr": "192.0.2.1", "port": 1},
                COMMAND | {"addr": "192.0.2.1", "port": 2, "application_file": "c.py"},
            ],
            {},
            {"a/main.py"},
        ),
        # A published image: the Dockerfile beside the compose file.
        (
            "127.0.0.1:8017",
            [IMAGE],
            {"b": ("b/compose.prod.yml", PUBLISHED | {"image": "x/b"})},
            {"b/main_db.py"},
        ),
        (
            "localhost:8017",
            [IMAGE],
            {"b": ("b/compose.prod.yml", {"ports.0": "8017:8018"})},
            {"b/main_db.py"},
        ),
        ("127.0.0.1:9017", [IMAGE], {"b": ("b/compose.yml", {"ports.0": "9017:8017"})}, {"b/main_db.py"}),
        ("127.0.0.1:9017", [IMAGE], {"b": ("else/compose.yml", {"ports.0": "9017:8017"})}, set()),
        (
            "b:8017",
            [IMAGE],
            {"b": ("compose.yml", {"build.context": "b", "build.dockerfile": "Dockerfile.prod"})},
            {"b/main_db.py"},
        ),
        # A command of compose replaces that of the image, which still renames files.
        (
            "b:1",
            [IMAGE],
            {
                "b": (
                    "compose.yml",
                    {
                        "build.context": "b",
                        "build.dockerfile": "Dockerfile.prod",
                        "command": "uvicorn main:app --port 1",
                    },
                )
            },
            {"b/main_db.py"},
        ),
        (
            "b:1",
            [IMAGE],
            {"b": ("compose.yml", {"build": "b", "command": "uvicorn other:app"})},
            {"b/other.py"},
        ),
        (
            "b:1",
            [IMAGE],
            {"b": ("compose.yml", {"build": "b", "command": "python other.py"})},
            {"b/other.py"},
        ),
        ("b:1", [IMAGE], {"b": ("compose.yml", {"build": "b", "command": "celery worker"})}, set()),
        # One command with this port, at an address that it does not name.
        ("192.0.2.9:8017", [IMAGE], {}, {"b/main_db.py"}),
        ("192.0.2.9:8017", [IMAGE, IMAGE | {"application_file": "c.py"}], {}, set()),
        ("192.0.2.9:8017", [IMAGE | {"addr": "192.0.2.8"}], {}, set()),
    ],
)
def test_commands_and_compose_files_name_the_file_that_serves_an_address(address, started, services, found):
    known = {"a/main.py", "b/main_db.py", "b/other.py", "c.py"}
    assert running_applications([address], processes(*started), compose(**services), known) == found


def row(file, application, path="/health", **more):
    handler = {
        "file": file,
        "line": 1,
        "function": "f",
        "method": "GET",
        "path": path,
        "is_async": True,
        "runs_on": "event_loop",
    }
    return handler | {"application_file": application} | more


def call(application, path, name, kind="blocking_io", **more):
    site = {
        "file": application,
        "line": 5,
        "function": "g",
        "call": name,
        "kind": kind,
        "context": "event_loop",
    }
    return site | {"reached_from": f"GET {path}", "application_file": application} | more


def incident(handlers, calls, started=()):
    made = case(
        lambda path, second: {"status": 504, "header_s": 8.0} if path == HEALTH else None,
        handlers=handlers,
        processes=list(started),
    )
    give(made, "app_calls", calls)
    return made


LOCAL = HEALTH.removeprefix("/svc")
BOTH = [row("a.py", "a.py", LOCAL), row("b.py", "b.py", LOCAL)]
CALLS = [call("a.py", LOCAL, "requests.get"), call("b.py", LOCAL, "boto3.client().get_object")]


@pytest.mark.slow
def test_the_calls_of_another_application_with_the_same_route_are_not_shown():
    host, port = USUAL.split(":")
    started = [{"addr": host, "port": int(port), "application_file": "b.py"}]
    made = incident(BOTH, CALLS, started)
    found = investigate(made).once(health_context)
    assert own_source(found, "app_calls")["call"].tolist() == ["boto3.client().get_object"]
    seen = Signals(made)
    assert "boto3" in str(seen["blocking_in_loop"].statement)
    assert "requests" not in str(seen["blocking_in_loop"].statement)
    assert seen["blocking_in_loop"].rows == 1
    assert len(made.sql(seen["blocking_in_loop"].sql)) == 1


@pytest.mark.slow
def test_of_several_applications_that_may_run_none_is_evidence():
    seen = Signals(incident(BOTH, CALLS))
    assert "blocking_in_loop" not in seen
    only = [BOTH[0], row("b.py", "b.py", "/other")]
    seen = Signals(incident(only, CALLS))
    assert "requests.get" in str(seen["blocking_in_loop"].statement)
