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
    return {table: frame for table, frame, _ in pieces}, {table: retrieval for table, _, retrieval in pieces}


def handlers(folder, name="app.py"):
    frame = read(folder, name)[0]["app_handlers"]
    return {(row.method, row.path): row.runs_on for row in frame.itertuples()}


def calls(folder, name="app.py"):
    """Every call as kind, name, where it runs, from where it is reached."""
    frame = read(folder, name)[0]["app_calls"].fillna({"reached_from": "-"})
    return {(row.kind, row.call, row.context, row.reached_from) for row in frame.itertuples()}


def test_handlers_run_on_the_loop_or_in_the_pool(tmp_path):
    laid(
        tmp_path,
        app="""
        from fastapi import FastAPI, status
        app = FastAPI()

        @app.get("/health")
        async def health(): ...

        @app.post("/jobs", status_code=status.HTTP_202_ACCEPTED)
        def jobs(): ...

        @app.api_route("/any", methods=["GET", "PUT"])
        async def anything(): ...

        @app.websocket("/ws")
        async def ws(socket): ...

        @property
        def get(): ...
        """,
    )
    assert handlers(tmp_path) == {
        ("GET", "/health"): "event_loop",
        ("POST", "/jobs"): "thread_pool",
        ("GET", "/any"): "event_loop",
        ("PUT", "/any"): "event_loop",
        ("WEBSOCKET", "/ws"): "event_loop",
    }
    frame = read(tmp_path)[0]["app_handlers"]
    assert list(frame.loc[frame["path"] == "/jobs", "response_status"]) == [202]


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


def test_routes_by_call_and_mounts(tmp_path):
    laid(
        tmp_path,
        app="""
        from fastapi import FastAPI
        from starlette.applications import Starlette
        from starlette.routing import Mount, Route

        def listed(request): ...
        async def added(): ...
        async def inner(): ...

        sub = FastAPI()
        sub.add_api_route("/inner", inner, methods=["POST"])

        def create_app():
            app = FastAPI()
            app.add_api_route("/added", added)
            app.mount("/sub", sub)
            @app.get("/made")
            async def made(): ...
            return app

        other = Starlette(routes=[Mount("/m", routes=[Route("/listed", listed, methods=["GET"])])])
        """,
    )
    assert handlers(tmp_path) == {
        ("POST", "/sub/inner"): "event_loop",
        ("GET", "/added"): "event_loop",
        ("GET", "/made"): "event_loop",
        ("GET", "/m/listed"): "thread_pool",
    }


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "await s3.get_object(Bucket='b')",
        "requests.Session()",
        "s3.generate_presigned_url('get_object')",
        "json.dumps({})",
        "[i for i in range(24)]",
        "for i in range(100): i",
        "async with session.get('/') as answer: await answer.text()",
    ],
)
def test_what_does_not_block_is_not_said_to(tmp_path, body):
    source = f"import json\n@app.get('/x')\nasync def x(session):\n    {body}\n"
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert {kind for kind, *_ in calls(tmp_path)} <= {"async_wait"}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("pool", "context"),
    [
        ("multiprocessing.Pool()", "process_pool"),
        ("multiprocessing.pool.ThreadPool()", "background_thread_pool"),
        ("concurrent.futures.ProcessPoolExecutor()", "process_pool"),
        ("concurrent.futures.ThreadPoolExecutor()", "background_thread_pool"),
    ],
)
@pytest.mark.parametrize("method", ["submit", "map", "apply_async"])
def test_work_that_a_pool_is_given_runs_in_its_threads_or_processes(tmp_path, pool, context, method):
    laid(
        tmp_path,
        app=f"""
        import concurrent.futures, multiprocessing, multiprocessing.pool, time
        from fastapi import FastAPI
        app = FastAPI()
        pool = {pool}

        def work(*_): time.sleep(1)

        @app.post("/x")
        async def x(): pool.{method}(work, [1])
        """,
    )
    frame = read(tmp_path)[0]["app_calls"]
    assert frame.loc[frame["function"] == "work", "context"].tolist() == [context]


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


@pytest.mark.slow
def test_a_dependency_gives_what_it_returns(tmp_path):
    laid(
        tmp_path,
        app="""
        from typing import Annotated
        from fastapi import Depends, FastAPI
        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session, sessionmaker
        app = FastAPI()
        make = sessionmaker(create_engine(""))
        def get_db():
            with make() as db:
                yield db
        Db = Annotated[Session, Depends(get_db)]
        @app.get("/a")
        async def a(db=Depends(get_db)):
            db.commit()
        @app.get("/b")
        def b(db: Db):
            db.execute("")
        """,
    )
    assert {
        ("blocking_io", "sqlalchemy.orm.sessionmaker()().commit", "event_loop", "GET /a"),
        ("blocking_io", "sqlalchemy.orm.sessionmaker()().execute", "thread_pool", "GET /b"),
    } <= calls(tmp_path)


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("for i in range(n):\n        for j in range(4000): i + j", True),
        ("for i in range(N):\n        for j in range(M): i + j", True),
        ("for i in range(3):\n        for j in range(3): i + j", False),
        ("for i in range(2_000_000): i", True),
        ("for i in items:\n        for j in i: j", False),
        ("for i in range(50):\n        for j in range(50): j\n        for k in range(50): k", False),
        ("for i in items:\n        for j in range(n): j", False),
        ("for i in range(n):\n        for j in range(i + 1, n): i + j", True),
        ("for i in range(n):\n        for j in range(min(n, 20)): i + j", False),
        ("for i in range(n):\n        for j in range(4000): await asyncio.sleep(0)", False),
        ("for i in range(0, len(n), 256):\n        f(x for k in range(8) for x in n[i + k::8])", True),
        ("for i in range(0, len(n), 2):\n        f(x for k in range(8) for x in n[i + k::8])", False),
        ("for i in range(0, len(n), 500):\n        f(n[i:i + 500])", False),
        ("while time.time() < end: pass", True),
        ("while items and items[0] < time.time(): items.pop()", False),
        ("while time.time() < end: time.sleep(1)", False),
    ],
)
def test_heavy_loops(tmp_path, body, expected):
    source = f"N, M = 300, 5000\n@app.get('/x')\nasync def x(n, items, end):\n    {body}\n"
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert any(kind == "cpu" for kind, *_ in calls(tmp_path)) is expected


@pytest.mark.slow
def test_middleware_startup_and_what_nothing_reaches(tmp_path):
    laid(
        tmp_path,
        app="""
        import time
        from fastapi import FastAPI
        app = FastAPI()
        @app.middleware("http")
        async def slow(request, call_next):
            time.sleep(1)
        @app.on_event("startup")
        async def start():
            time.sleep(2)
        def nobody():
            time.sleep(3)
        class Gauge:
            def __init__(self, app): ...
            async def __call__(self, scope, receive, send):
                time.sleep(4)
        app.add_middleware(Gauge)
        """,
    )
    assert calls(tmp_path) == {
        ("blocking_sleep", "time.sleep", "event_loop", "middleware slow"),
        ("blocking_sleep", "time.sleep", "event_loop", "startup start"),
        ("blocking_sleep", "time.sleep", "unknown", "-"),
        ("blocking_sleep", "time.sleep", "event_loop", "middleware Gauge.__call__"),
    }


@pytest.mark.parametrize("text", ["def broken(:\n", "x = 1\0", "\xff\xfe"])
def test_what_is_no_python_is_one_rejected_entry(tmp_path, text):
    (tmp_path / "app.py").write_text(text, encoding="latin-1")
    (tmp_path / "other.py").write_text("import time\ndef f():\n    time.sleep(1)\n")
    frames, retrievals = read(tmp_path)
    assert frames["app_handlers"].empty
    assert [piece.file for piece in retrievals["app_handlers"].rejected] == ["app.py"]
    assert len(read(tmp_path, "other.py")[0]["app_calls"]) == 1


@pytest.mark.slow
def test_recursion_ends(tmp_path):
    laid(
        tmp_path,
        app="""
        import asyncio, functools, time
        from fastapi import FastAPI
        app = FastAPI()
        value = value or value.other(value)
        class A(A): ...
        def f(): return g()
        def g():
            time.sleep(1)
            return f()
        @app.get("/x")
        def x():
            work = functools.partial(work, 1)
            asyncio.create_task(work)
            return f().y.z()
        """,
    )
    assert ("blocking_sleep", "time.sleep", "thread_pool", "GET /x") in calls(tmp_path)


def test_routers_of_a_class_of_their_own_and_what_a_class_registers_on_itself(tmp_path):
    laid(
        tmp_path,
        routers="""
        from fastapi import APIRouter, FastAPI

        class UserRouter(APIRouter):
            def __init__(self, prefix="", **rest):
                super().__init__(prefix=prefix, **rest)

        class Service(FastAPI):
            def __init__(self, **rest):
                super().__init__(**rest)
                self.add_api_route("/health", self.health)

            async def health(self): ...
        """,
        app="""
        from routers import Service, UserRouter
        users = UserRouter(prefix="/users")
        app = Service()

        class Users:
            @users.get("/{name}")
            def one(self, name): ...

        app.include_router(users, prefix="/v1")
        """,
    )
    assert handlers(tmp_path) == {("GET", "/v1/users/{name}"): "thread_pool"}
    assert handlers(tmp_path, "routers.py") == {("GET", "/health"): "event_loop"}


def test_a_prefix_of_settings_that_a_function_chooses(tmp_path):
    laid(
        tmp_path,
        settings="""
        class Base:
            prefix: str = "/api"

        class Production(Base):
            debug = False

        KINDS = {"production": Production}

        def settings(name) -> Base:
            kind = KINDS[name]
            return kind()
        """,
        app="""
        from fastapi import APIRouter, FastAPI
        from settings import settings
        router = APIRouter()

        @router.get("/health")
        async def health(): ...

        def make() -> FastAPI:
            chosen = settings("production")
            made = FastAPI()
            made.include_router(router, prefix=chosen.prefix)
            return made

        app = make()
        """,
    )
    assert handlers(tmp_path) == {("GET", "/api/health"): "event_loop"}


def test_the_chain_leads_through_generic_bases_super_and_injected_interfaces(tmp_path):
    laid(
        tmp_path,
        store="""
        import time
        from abc import ABC, abstractmethod

        class Repository(dict):
            def create(self, row):
                time.sleep(1)

        class Users(Repository[str]):
            def create(self, row):
                super().create(row)

        class Cases(ABC):
            @abstractmethod
            async def make(self): ...

        class RealCases(Cases):
            async def make(self):
                Users().create({})
        """,
        app="""
        from fastapi import Depends, FastAPI
        from containers import Container, Provide
        from store import Cases
        app = FastAPI()

        @app.post("/users")
        async def users(cases: Cases = Depends(Provide[Container.cases])):
            await cases.make()
        """,
    )
    assert ("blocking_sleep", "time.sleep", "event_loop", "POST /users") in calls(tmp_path, "store.py")


@pytest.mark.slow
def test_a_module_that_lacks_what_is_wanted_of_it_only_shares_its_name_with_a_package(tmp_path):
    laid(
        tmp_path,
        core__redis="LIMIT = 3",
        core__settings="NAME = 'x'",
        core__cache="""
        from redis import Redis
        from settings import NAME

        def get(name):
            return Redis().get(name)
        """,
        app="""
        from fastapi import FastAPI
        from core.cache import get
        app = FastAPI()

        @app.get("/health")
        async def health():
            return get("x")
        """,
    )
    assert calls(tmp_path, "core/cache.py") == {
        ("blocking_io", "redis.Redis().get", "event_loop", "GET /health")
    }


@pytest.mark.slow
def test_handlers_of_one_name_are_all_found(tmp_path):
    laid(
        tmp_path,
        app="""
        import time
        from fastapi import FastAPI
        app = FastAPI()

        @app.get("/a")
        async def read():
            time.sleep(1)

        @app.get("/b")
        async def read():
            time.sleep(2)
        """,
    )
    assert set(handlers(tmp_path)) == {("GET", "/a"), ("GET", "/b")}
    assert {came for *_, came in calls(tmp_path)} == {"GET /a", "GET /b"}


@pytest.mark.slow
def test_decorators_that_hand_on_a_registration_and_routers_of_a_class_made_by_a_function(tmp_path):
    laid(
        tmp_path,
        app="""
        from fastapi import APIRouter, FastAPI
        from security import protected

        def router_class(kind):
            class Router(APIRouter):
                pass
            return Router

        Made = router_class(int)
        users = Made(prefix="/users")
        app = FastAPI()

        @protected(app.get, "/me", status_code=201)
        async def me(): ...

        @users.get("/{name}")
        async def one(name): ...

        app.include_router(users)
        """,
    )
    assert set(handlers(tmp_path)) == {("GET", "/me"), ("GET", "/users/{name}")}
    frame = read(tmp_path)[0]["app_handlers"]
    assert list(frame.loc[frame["path"] == "/me", "response_status"]) == [201]


@pytest.mark.slow
def test_a_session_is_known_by_what_a_generator_is_declared_to_give(tmp_path):
    laid(
        tmp_path,
        app="""
        from collections.abc import Generator
        from contextlib import contextmanager
        from fastapi import Depends, FastAPI
        from sqlalchemy.orm import Session
        from vendor import pool
        app = FastAPI()

        @contextmanager
        def session_of(name) -> Generator[Session, None, None]:
            with pool.take(name)[0] as session:
                yield session

        def get_session() -> Generator[Session, None, None]:
            with session_of("x") as session:
                yield session

        @app.get("/x")
        async def x(session=Depends(get_session)):
            session.commit()
        """,
    )
    assert ("blocking_io", "sqlalchemy.orm.Session().commit", "event_loop", "GET /x") in calls(tmp_path)


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


@pytest.mark.slow
def test_a_property_with_a_setter_is_what_reading_it_gives(tmp_path):
    laid(
        tmp_path,
        app="""
        import boto3
        from fastapi import FastAPI
        app = FastAPI()
        class Store:
            @property
            def client(self):
                return boto3.client("s3")
            @client.setter
            def client(self, value): ...
        @app.get("/x")
        async def x():
            Store().client.get_object(Bucket="b")
        """,
    )
    assert ("blocking_io", "boto3.client().get_object", "event_loop", "GET /x") in calls(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return sum(i * i for i in range(10_000_000))", True),
        ("return [i + j for i in range(n) for j in range(n)]", True),
        ("return [row for row in rows]", False),
        ("return {i: rows[i] for i in range(n)}", False),
        ("return [await one(i) for i in range(10_000_000)]", False),
    ],
)
def test_heavy_comprehensions(tmp_path, body, expected):
    (tmp_path / "app.py").write_text(PREAMBLE + f"@app.get('/x')\nasync def x(n, rows, one):\n    {body}\n")
    assert any(kind == "cpu" for kind, *_ in calls(tmp_path)) is expected


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


@pytest.mark.slow
def test_what_a_function_of_the_source_is_given_is_not_required_of_callers(tmp_path):
    source = "def f(n: int):\n    for i in range(n): i\n@app.get('/x')\nasync def x():\n    f(3)\n"
    (tmp_path / "app.py").write_text(PREAMBLE + source)
    assert all(kind != "cpu" for kind, *_ in calls(tmp_path))
