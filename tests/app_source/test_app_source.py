import json
import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile


def laid(folder, **files):
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def read(folder, name="app.py"):
    pieces = read_app_source(RawFile(folder, name))
    return {piece.table: piece.frame for piece in pieces}, {piece.table: piece.retrieval for piece in pieces}


def handlers(folder, name="app.py"):
    frame = read(folder, name)[0]["app_handlers"]
    return {(row.method, row.path): row.runs_on for row in frame.itertuples()}


def calls(folder, name="app.py"):
    """Every call as kind, name, where it runs, from where it is reached."""
    frame = read(folder, name)[0]["app_calls"].fillna({"reached_from": "-"})
    return {(row.kind, row.call, row.context, row.reached_from) for row in frame.itertuples()}


def test_prefixes_are_joined_over_modules_and_constants(tmp_path):
    laid(
        tmp_path,
        src__service__main="""
        from fastapi import FastAPI
        from service.core import settings
        from service.api import api_router
        from .health import router as health_router
        app = FastAPI()
        app.include_router(api_router, prefix=settings.API)
        app.include_router(health_router)
        """,
        src__service__core="""
        VERSION = "1"
        class Settings:
            API: str = f"/api/v{VERSION}"
        settings = Settings()
        """,
        src__service__api="""
        from fastapi import APIRouter
        from service import jobs
        api_router = APIRouter()
        api_router.include_router(jobs.router, prefix="/jobs")
        """,
        src__service__jobs="""
        from fastapi import APIRouter
        router = APIRouter(prefix="/v")
        @router.get("/{job_id}")
        def one(job_id): ...
        """,
        src__service__health="""
        import fastapi
        router = fastapi.APIRouter()
        @router.get("/health")
        async def health(): ...
        """,
    )
    assert handlers(tmp_path, "src/service/jobs.py") == {("GET", "/api/v1/jobs/v/{job_id}"): "thread_pool"}
    assert handlers(tmp_path, "src/service/health.py") == {("GET", "/health"): "event_loop"}
    assert handlers(tmp_path, "src/service/main.py") == {}


BODIES = {
    "time.sleep(1)": ("blocking_sleep", "time.sleep"),
    "requests.get('http://192.0.2.1', timeout=3)": ("blocking_io", "requests.get"),
    "urllib.request.urlopen('http://192.0.2.1')": ("blocking_io", "urllib.request.urlopen"),
    "httpx.Client().get('/')": ("blocking_io", "httpx.Client().get"),
    "boto3.client('s3').download_file('b', 'k', 'f')": ("blocking_io", "boto3.client().download_file"),
    "s3.upload_file('f', 'b', 'k')": ("blocking_io", "boto3.client().upload_file"),
    "psycopg2.connect('')": ("blocking_io", "psycopg2.connect"),
    "cursor = psycopg2.connect('').cursor(); cursor.execute('')": (
        "blocking_io",
        "psycopg2.connect().cursor().execute",
    ),
    "db.table('t').select('*').eq('a', 1).execute()": (
        "blocking_io",
        "supabase.create_client().table().select().eq().execute",
    ),
    "subprocess.run(['ffmpeg'])": ("blocking_io", "subprocess.run"),
    "open('f')": ("blocking_file", "open"),
    "Path('f').read_bytes()": ("blocking_file", "pathlib.Path().read_bytes"),
    "whisper.load_model('base').transcribe('f')": ("cpu", "whisper.load_model().transcribe"),
    "model.predict(1)": ("cpu", "model.predict"),
    "lock.acquire()": ("lock", "threading.Lock().acquire"),
    "jobs.get()": ("lock", "queue.Queue().get"),
    "pool.submit(print).result()": ("lock", "concurrent.futures.ThreadPoolExecutor().submit().result"),
    "await asyncio.sleep(1)": ("async_wait", "asyncio.sleep"),
    "await httpx.AsyncClient().get('/')": ("async_wait", "httpx.AsyncClient().get"),
}
PREAMBLE = """
import asyncio, queue, subprocess, threading, time, urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import boto3, httpx, psycopg2, requests, whisper
from fastapi import FastAPI
from supabase import create_client
app = FastAPI()
s3 = boto3.client("s3")
db = create_client("", "")
lock = threading.Lock()
jobs = queue.Queue()
pool = ThreadPoolExecutor()
"""


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
def test_calls_are_known_by_what_made_the_value(tmp_path, body):
    kind, call = BODIES[body]
    source = f"@app.get('/x')\nasync def x(model=None):\n    {body}\n"
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert (kind, call, "event_loop", "GET /x") in calls(tmp_path)


def test_where_work_runs_follows_how_it_is_handed_over(tmp_path):
    laid(
        tmp_path,
        app="""
        import asyncio, functools, threading, time
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from fastapi import BackgroundTasks, Depends, FastAPI
        from fastapi.concurrency import run_in_threadpool
        app = FastAPI()
        processes = ProcessPoolExecutor(2)

        def direct(): time.sleep(1)
        def pooled(): time.sleep(2)
        def later(): time.sleep(3)
        async def coroutine(): time.sleep(4)
        async def task(): time.sleep(5)
        def apart(): time.sleep(6)
        def partly(n): time.sleep(7)
        def thread(): time.sleep(8)
        def needed(): time.sleep(9)
        async def needed_async(): time.sleep(10)
        def by_lambda(): time.sleep(11)

        @app.post("/x")
        async def x(tasks: BackgroundTasks, a=Depends(needed), b=Depends(needed_async)):
            direct()
            await asyncio.to_thread(pooled)
            tasks.add_task(later)
            tasks.add_task(coroutine)
            asyncio.create_task(task())
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(processes, apart)
            await run_in_threadpool(functools.partial(partly, 1))
            threading.Thread(target=thread).start()
            await loop.run_in_executor(None, lambda: by_lambda())
        """,
    )
    frame = read(tmp_path)[0]["app_calls"]
    sleeps = frame[frame["kind"] == "blocking_sleep"]
    assert dict(zip(sleeps["function"], sleeps["context"], strict=True)) == {
        "direct": "event_loop",
        "pooled": "thread_pool",
        "later": "background_thread_pool",
        "coroutine": "background_event_loop",
        "task": "background_event_loop",
        "apart": "process_pool",
        "partly": "thread_pool",
        "thread": "background_thread_pool",
        "needed": "thread_pool",
        "needed_async": "event_loop",
        "by_lambda": "thread_pool",
    }
    assert set(sleeps["reached_from"]) == {"POST /x"}
    handler = read(tmp_path)[0]["app_handlers"].iloc[0]
    assert json.loads(handler["background_tasks"]) == ["later", "coroutine", "task", "thread"]
    assert {row.call: row.kind for row in frame.itertuples() if row.function == "x"} == {
        "asyncio.to_thread": "thread_pool",
        "fastapi.Depends": "thread_pool",
        "fastapi.BackgroundTasks().add_task": "unbounded_task",
        "asyncio.create_task": "unbounded_task",
        "asyncio.get_running_loop().run_in_executor": "thread_pool",
        "fastapi.concurrency.run_in_threadpool": "thread_pool",
        "threading.Thread().start": "unbounded_task",
    }


def test_the_chain_leads_through_modules_classes_and_globals(tmp_path):
    laid(
        tmp_path,
        main="""
        from typing import Optional
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        from providers import Provider
        provider: Optional[Provider] = None

        @asynccontextmanager
        async def lifespan(app):
            global provider
            provider = Provider("key")
            yield

        app = FastAPI(lifespan=lifespan)

        @app.post("/jobs")
        async def jobs():
            await provider.create()
        """,
        providers="""
        import requests

        class Base:
            def post(self):
                return self.session.post("/", timeout=30)

        class Provider(Base):
            def __init__(self, key):
                self.session = requests.Session()

            async def create(self):
                self.post()
        """,
    )
    frame = read(tmp_path, "providers.py")[0]["app_calls"]
    row = frame[frame["reached_from"] == "POST /jobs"].iloc[0]
    assert (row["call"], row["context"], row["timeout_s"]) == ("requests.Session().post", "event_loop", 30.0)
    assert json.loads(row["chain"]) == ["jobs", "Provider.create", "Base.post"]


@pytest.mark.parametrize("text", ["def broken(:\n", "x = 1\0", "\xff\xfe"])
def test_what_is_no_python_is_one_rejected_entry(tmp_path, text):
    (tmp_path / "app.py").write_text(text, encoding="latin-1")
    (tmp_path / "other.py").write_text("import time\ndef f():\n    time.sleep(1)\n")
    frames, retrievals = read(tmp_path)
    assert frames["app_handlers"].empty
    assert [piece.file for piece in retrievals["app_handlers"].rejected] == ["app.py"]
    assert len(read(tmp_path, "other.py")[0]["app_calls"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "lock.acquire(blocking=False)",
        "lock.acquire(False)",
        "jobs.get(block=False)",
        "await client.read()",
        "row.details.get('about')",
    ],
)
def test_what_only_looks_like_waiting_is_not_said_to_block(tmp_path, body):
    laid(
        tmp_path,
        models="""
        from sqlalchemy.orm import mapped_column
        class Row:
            details = mapped_column()
        """,
        clients="""
        import httpx
        class Client:
            def read(self) -> dict:
                return httpx.Client().get("/")
        class AsyncClient:
            async def read(self) -> dict: ...
        def make(kind):
            if kind == "sync":
                return Client()
            return AsyncClient()
        """,
    )
    source = f"""
from clients import make
from models import Row
@app.get('/x')
async def x(row: Row):
    client = make("async")
    {body}
"""
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert {kind for kind, *_ in calls(tmp_path)} <= {"async_wait"}
    assert {kind for kind, *_ in calls(tmp_path, "clients.py")} == {"blocking_io"}
    assert {came for *_, came in calls(tmp_path, "clients.py")} == {"-"}


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize(
    ("parameters", "body", "expected"),
    [
        ("rows: int = 10", "return [str(i) for i in range(rows)]", True),
        ("rows: Annotated[int, Query(ge=1)]", "return [str(i) for i in range(rows)]", True),
        ("rows: int | None = 10", "for i in range(rows): str(i)", True),
        ("rows: int = Query(10, le=500)", "return [str(i) for i in range(rows)]", False),
        ("rows: Annotated[int, Query(lt=TOP)]", "return [str(i) for i in range(rows)]", False),
        ("rows: int = 10", "rows = at_most(rows)\n    return [str(i) for i in range(rows)]", False),
        ("rows: int = 10", "if rows > 99: raise ValueError\n    return [str(i) for i in range(rows)]", False),
        ("rows: str = ''", "return [str(i) for i in range(rows)]", False),
    ],
)
def test_callers_may_ask_for_as_many_steps_as_nothing_bounds(tmp_path, parameters, body, expected):
    source = f"TOP = 500\n@app.get('/x')\nasync def x({parameters}):\n    {body}\n"
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert any(kind == "cpu" for kind, *_ in calls(tmp_path)) is expected
