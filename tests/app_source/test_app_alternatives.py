"""Values that are assigned later, kept under keys, or left open by the source; calls that hardly matter."""

import json
import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile

PREAMBLE = """
import io, threading
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
import openai, requests, soundfile, transformers, whisper
from fastapi import FastAPI
app = FastAPI()
"""
BLOCKING = ["blocking_io", "blocking_file", "blocking_sleep", "cpu", "lock"]


def read(folder, text):
    (folder / "app.py").write_text(PREAMBLE + textwrap.dedent(text))
    handlers, calls = (part.frame for part in read_app_source(RawFile(folder, "app.py")))
    mine = calls[calls["kind"].isin(BLOCKING) & calls["reached_from"].eq("GET /x")]
    unknown = [json.loads(one) for one in handlers["unknown_calls"]]
    return set(zip(mine["call"], mine["is_certain"], strict=True)), unknown


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize(
    ("held", "is_reported"),
    [
        ("results.pop(1, None)", False),
        ("results[1] = 2", False),
        ("results.update({1: 2})\n        data.strip()", False),
        ("requests.get('/')", True),
        ("vendor.do()", True),
        ("work()", True),
    ],
)
def test_a_lock_matters_only_if_somebody_holds_it_for_long(tmp_path, held, is_reported):
    calls, _ = read(
        tmp_path,
        f"""
        import vendor
        lock = threading.Lock()
        results = {{}}
        def work():
            return 1
        def other(data):
            with lock:
                {held.replace(chr(10), chr(10) + " " * 8)}
        @app.get("/x")
        async def x():
            with lock:
                return results.get(1)
        """,
    )
    assert (("with threading.Lock", True) in calls) is is_reported


@pytest.mark.slow
def test_calls_of_a_middleware_count_for_each_handler(tmp_path):
    _, unknown = read(
        tmp_path,
        """
        import vendor
        @app.middleware("http")
        async def trace(request, call_next):
            vendor.trace(request)
            return await call_next(request)
        @app.get("/x")
        async def x(): ...
        @app.get("/y")
        async def y():
            vendor.other()
        """,
    )
    assert unknown == [["vendor.trace"], ["vendor.other", "vendor.trace"]]
