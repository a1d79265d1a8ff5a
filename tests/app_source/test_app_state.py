"""What handlers find in the state of an application: who put it there says what it is."""

import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile


def calls(folder, text):
    (folder / "app.py").write_text("import asyncpg, boto3, fastapi, redis\n" + textwrap.dedent(text))
    frame = read_app_source(RawFile(folder, "app.py"))[1][1]
    reached = frame[(frame["reached_from"] == "GET /x") & (frame["call"] != "fastapi.Depends")]
    return set(zip(reached["kind"], reached["call"], strict=True))


PUT = """
from contextlib import asynccontextmanager
from fastapi import Depends, FastAPI, Request
@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = None
    app.state.pool = await asyncpg.create_pool("dsn")
    yield {"store": boto3.client("s3")}
app = FastAPI(lifespan=lifespan)
app.state.cache = redis.Redis()
def cache(request: Request):
    return request.app.state.cache
@app.get("/x")
async def x(request: Request, cached=Depends(cache)):
    BODY
"""


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("await request.app.state.pool.fetch('q')", ("async_wait", "asyncpg.create_pool().fetch")),
        ("request.state.store.list_buckets()", ("blocking_io", "boto3.client().list_buckets")),
        ("request.app.state.cache.get('k')", ("blocking_io", "redis.Redis().get")),
        ("cached.get('k')", ("blocking_io", "redis.Redis().get")),
    ],
)
def test_what_the_state_holds_is_what_a_start_put_there(tmp_path, body, seen):
    assert calls(tmp_path, PUT.replace("BODY", body)) == {seen}


def test_a_state_that_nobody_put_anything_into_and_one_that_is_its_own_are_unknown(tmp_path):
    body = "request.app.state.other.get('k')\n    request.app.state.round.get('k')"
    text = PUT.replace("BODY", body) + "app.state.round = app.state.round\n"
    assert calls(tmp_path, text) == set()
