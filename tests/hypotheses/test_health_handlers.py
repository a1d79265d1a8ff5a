"""The size of the thread pool is the application's own, where its source or its start tells it."""

import json

import pandas as pd
import pytest
from health_world import HEALTH, case, give, investigate

from watchme_analysis.hypotheses import health
from watchme_analysis.hypotheses.health_handlers import POOL_TOKENS, pool_tokens
from watchme_analysis.schema import conform

LIMITER = "anyio.to_thread.current_default_thread_limiter().total_tokens"


def limit(at_once, variable=None, call=LIMITER):
    return {
        "file": "app.py", "line": 9, "function": "start", "call": call, "kind": "limit", "context": "unknown",
        "at_once": at_once, "variable": variable,
    }  # fmt: skip


def processes(**environment):
    return conform("app_processes", pd.DataFrame([{"environment": json.dumps(environment)}]))


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("tokens", "threads", "said"),
    [
        (None, 46.0, "all 40 threads of the pool are taken"),
        (100, 46.0, None),
        (100, 106.0, "all 100 threads of the pool are taken"),
        (10, 16.0, "all 10 threads of the pool are taken"),
    ],
)
def test_threads_count_as_used_up_at_the_size_that_the_source_sets(tokens, threads, said):
    made = case(
        lambda path, second: {"status": 504, "header_s": 8.0} if path == HEALTH else None,
        gauges=lambda second: {"in_flight": 120.0, "threads": threads},
    )
    if tokens is not None:
        give(made, "app_calls", [limit(tokens)])
    found = health.diagnose(investigate(made))
    text = json.dumps(found.to_dict())
    assert ("threads of the pool are taken" in text) is (said is not None)
    assert said is None or said in text
