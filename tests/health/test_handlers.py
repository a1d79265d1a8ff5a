"""The size of the thread pool is the application's own, where its source or its start tells it."""

import json

import pandas as pd
import pytest
from worlds.health_world import HEALTH, USUAL, case, context_of, give
from worlds.together import together

from watchme_analysis.health.affected_service import own_source
from watchme_analysis.health.handlers import POOL_TOKENS, handlers_by_route, pool_tokens
from watchme_analysis.schema import conform

LIMITER = "anyio.to_thread.current_default_thread_limiter().total_tokens"


def limit(at_once, variable=None, call=LIMITER):
    return {
        "file": "app.py", "line": 9, "function": "start", "call": call, "kind": "limit", "context": "unknown",
        "at_once": at_once, "variable": variable,
    }  # fmt: skip


def processes(**environment):
    return conform("app_processes", pd.DataFrame([{"environment": json.dumps(environment)}]))


@pytest.mark.slow
@together(
    ("limits", "environment", "tokens"),
    [
        ([], {}, POOL_TOKENS),
        ([limit(100)], {}, 100),
        ([limit(100, "SIZE")], {"SIZE": "12"}, 12),
        ([limit(None, "SIZE")], {"SIZE": "12"}, 12),
        ([limit(None, "SIZE")], {}, POOL_TOKENS),
        ([limit(100, "SIZE")], {"SIZE": "many"}, 100),
        ([limit(100), limit(100)], {}, 100),
        ([limit(100), limit(7)], {}, POOL_TOKENS),
        ([limit(7, call="asyncio.Semaphore")], {}, POOL_TOKENS),
    ],
)
def test_the_pool_has_as_many_threads_as_source_and_start_say(limits, environment, tokens):
    calls = conform("app_calls", pd.DataFrame(limits))
    assert pool_tokens(calls, processes(**environment)) == tokens


def handed_over(call):
    return {
        "file": "app.py", "line": 3, "function": "healthz", "call": call, "kind": "thread_pool",
        "context": "event_loop", "reached_from": "GET /healthz",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("calls", "tokens"),
    [
        ([handed_over("asyncio.to_thread")], None),
        ([handed_over("asyncio.get_running_loop().run_in_executor")], None),
        (
            [
                handed_over("asyncio.to_thread"),
                limit(6, call="asyncio.get_running_loop().set_default_executor"),
            ],
            6,
        ),
        ([handed_over("fastapi.concurrency.run_in_threadpool")], POOL_TOKENS),
        ([handed_over("asyncio.to_thread"), handed_over("anyio.to_thread.run_sync")], POOL_TOKENS),
    ],
)
def test_handlers_that_hand_work_to_asyncio_share_the_threads_of_its_executor(calls, tokens):
    work = {"kind": "blocking_io", "call": "requests.get", "context": "thread_pool"}
    app_calls = conform("app_calls", pd.DataFrame([*calls, work | {"reached_from": "GET /healthz"}]))
    app_handlers = conform(
        "app_handlers",
        pd.DataFrame([{"function": "healthz", "method": "GET", "path": "/healthz", "runs_on": "event_loop"}]),
    )
    known = handlers_by_route(app_handlers, app_calls, ["/svc/healthz"])
    assert pool_tokens(app_calls, processes(), known.values()) == tokens


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "kept"),
    [
        (["app.py", "app-mine.py", "lib/app-mine.py", "app-theirs.py"], ["app-mine.py", "lib/app-mine.py"]),
        (["main.py", "app-theirs.py", "app-else.py"], ["main.py", "app-else.py"]),
    ],
)
def test_the_source_of_another_service_does_not_speak_for_this_one(files, kept):
    hosts = {"mine": USUAL, "theirs": "192.0.2.12:8200"}
    started = [{"service": name, "addr": at.split(":")[0], "port": 1} for name, at in hosts.items()]
    rows = [{"file": file, "line": 1, "function": "f", "method": "GET", "path": HEALTH} for file in files]
    made = case(
        lambda path, second: {"status": 504, "header_s": 8.0} if path == HEALTH else None,
        processes=started,
        handlers=rows,
    )
    assert own_source(context_of(made), "app_handlers")["file"].tolist() == kept
    give(made, "app_processes", [{"addr": "192.0.2.99"}])
    assert own_source(context_of(made), "app_handlers")["file"].tolist() == files


def test_a_path_below_a_prefix_belongs_to_the_template_that_fits_more_of_it():
    about = {"file": "app.py", "line": 1, "method": "GET", "runs_on": "event_loop"}
    templates = {"short": "/{name}", "long": "/v1/{name}"}
    rows = [about | {"function": name, "path": path} for name, path in templates.items()]
    for order in (rows, rows[::-1]):
        handlers = conform("app_handlers", pd.DataFrame(order))
        found = handlers_by_route(handlers, conform("app_calls", pd.DataFrame()), ["/api/v1/jobs"])
        assert found["/api/v1/jobs"].function == "long"
