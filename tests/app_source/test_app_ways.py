"""The many ways in which FastAPI and Starlette are given functions, and where these then run."""

import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.health.handlers import handlers_by_route

LOOP, POOL = "event_loop", "thread_pool"


def read(folder, text):
    (folder / "app.py").write_text("import time\n" + textwrap.dedent(text))
    (_, handlers, _), (_, calls, _) = read_app_source(RawFile(folder, "app.py"))
    sleeps = calls[calls["kind"] == "blocking_sleep"].fillna({"reached_from": "-"})
    ways = set(zip(sleeps["function"], sleeps["context"], sleeps["reached_from"], strict=True))
    return set(zip(handlers["method"], handlers["path"], handlers["runs_on"], strict=True)), ways


def test_a_plain_generator_of_a_streamed_answer_runs_on_threads_and_an_async_one_on_the_loop(tmp_path):
    _, ways = read(
        tmp_path,
        """
        from fastapi import FastAPI
        from fastapi.responses import StreamingResponse
        app = FastAPI()
        def plain():
            time.sleep(1)
            yield b""
        async def coroutine():
            time.sleep(2)
            yield b""
        def made():
            time.sleep(3)
            return iter([])
        @app.get("/direct")
        async def direct():
            return StreamingResponse(plain())
        @app.get("/named")
        async def named():
            body = plain()
            return StreamingResponse(content=body, media_type="text/plain")
        @app.get("/from-thread")
        def from_thread():
            return StreamingResponse(coroutine())
        @app.get("/at-once")
        async def at_once():
            return StreamingResponse(made())
        @app.get("/used-up")
        async def used_up():
            return list(plain())
        @app.get("/inside")
        async def inside():
            def parts():
                time.sleep(4)
                yield b""
            return StreamingResponse(parts())
        """,
    )
    assert ways == {
        ("plain", POOL, "GET /direct"),
        ("plain", POOL, "GET /named"),
        ("coroutine", LOOP, "GET /from-thread"),
        ("made", LOOP, "GET /at-once"),
        ("plain", LOOP, "GET /used-up"),
        ("inside.parts", POOL, "GET /inside"),
    }


def test_a_coroutine_needs_threads_for_what_it_streams_from_a_plain_generator_or_a_file(tmp_path):
    (tmp_path / "app.py").write_text(
        textwrap.dedent("""
            from fastapi import FastAPI
            from fastapi.responses import FileResponse, StreamingResponse
            app = FastAPI()
            def plain():
                yield b"part"
            async def coroutine():
                yield b"part"
            @app.get("/plain")
            async def in_parts():
                return StreamingResponse(plain())
            @app.get("/coroutine")
            async def on_the_loop():
                return StreamingResponse(coroutine())
            @app.get("/file")
            async def file():
                return FileResponse("state.json")
        """)
    )
    (_, handlers, _), (_, calls, _) = read_app_source(RawFile(tmp_path, "app.py"))
    known = handlers_by_route(handlers, calls, ["/plain", "/coroutine", "/file"])
    assert {path for path, handler in known.items() if handler.uses_threads} == {"/plain", "/file"}
    assert not any(handler.on_executor for handler in known.values())


@pytest.mark.slow
def test_background_tasks_of_an_answer(tmp_path):
    _, ways = read(
        tmp_path,
        """
        from fastapi import FastAPI
        from starlette.background import BackgroundTask, BackgroundTasks
        from starlette.responses import JSONResponse
        app = FastAPI()
        def plain(): time.sleep(1)
        async def coroutine(): time.sleep(2)
        @app.get("/one")
        async def one():
            return JSONResponse({}, background=BackgroundTask(plain))
        @app.get("/many")
        async def many():
            return JSONResponse({}, background=BackgroundTasks([BackgroundTask(coroutine)]))
        """,
    )
    assert ways == {
        ("plain", "background_thread_pool", "GET /one"),
        ("coroutine", "background_event_loop", "GET /many"),
    }


@pytest.mark.slow
def test_dependencies_of_an_application_a_router_and_an_inclusion_are_those_of_each_handler(tmp_path):
    _, ways = read(
        tmp_path,
        """
        from fastapi import APIRouter, Depends, FastAPI
        def of_app(): time.sleep(1)
        async def of_router(): time.sleep(2)
        def of_inclusion(): time.sleep(3)
        app = FastAPI(dependencies=[Depends(of_app)])
        NEEDED = [Depends(of_inclusion)]
        router = APIRouter(dependencies=[Depends(of_router)])
        @router.get("/a")
        async def a(): ...
        @app.get("/b")
        async def b(): ...
        app.include_router(router, prefix="/x", dependencies=NEEDED)
        """,
    )
    assert ways == {
        ("of_app", POOL, "GET /x/a"),
        ("of_router", LOOP, "GET /x/a"),
        ("of_inclusion", POOL, "GET /x/a"),
        ("of_app", POOL, "GET /b"),
    }


@pytest.mark.slow
def test_a_coroutine_waits_for_a_thread_where_fastapi_runs_a_plain_dependency(tmp_path):
    """That of a parameter, of one that a coroutine needs in turn, or of the router: whatever it does."""
    (tmp_path / "app.py").write_text(
        textwrap.dedent("""
        from fastapi import APIRouter, Depends, FastAPI
        app = FastAPI()
        router = APIRouter(dependencies=[Depends(plain)])
        def plain(): return 1
        async def coroutine(): return 2
        async def needing(value=Depends(plain)): return 3
        @app.get("/parameter")
        async def parameter(value=Depends(plain)): ...
        @app.get("/in-turn")
        async def in_turn(value=Depends(needing)): ...
        @router.get("/router")
        async def of_router(): ...
        @app.get("/coroutine")
        async def of_coroutine(value=Depends(coroutine)): ...
        @app.get("/plain")
        def of_plain(value=Depends(plain)): ...
        app.include_router(router)
        """)
    )
    (_, handlers, _), (_, calls, _) = read_app_source(RawFile(tmp_path, "app.py"))
    assert set(calls["kind"]) == {"thread_pool"}
    assert set(calls["reached_from"]) == {"GET /parameter", "GET /in-turn", "GET /router"}
    known = handlers_by_route(handlers, calls, list(handlers["path"]))
    assert {path for path, handler in known.items() if not handler.uses_threads} == {"/coroutine"}


def test_starlette_s_classes_lists_and_hooks(tmp_path):
    handlers, ways = read(
        tmp_path,
        """
        from starlette.applications import Starlette
        from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
        from starlette.middleware import Middleware
        from starlette.middleware.base import BaseHTTPMiddleware
        from starlette.routing import Mount, Route, WebSocketRoute
        class Page(HTTPEndpoint):
            async def get(self, request): time.sleep(1)
            def post(self, request): time.sleep(2)
        class Socket(WebSocketEndpoint):
            async def on_receive(self, socket, data): time.sleep(3)
        class Slow(BaseHTTPMiddleware):
            async def dispatch(self, request, call_next): time.sleep(4)
        def started(): time.sleep(5)
        inner = [Route("/page", Page)]
        routes = [Mount("/in", routes=inner), WebSocketRoute("/socket", Socket)]
        app = Starlette(routes=routes, middleware=[Middleware(Slow)], on_startup=[started])
        @app.exception_handler(ValueError)
        def failed(request, error): time.sleep(6)
        """,
    )
    assert handlers == {
        ("GET", "/in/page", LOOP),
        ("POST", "/in/page", POOL),
        ("WEBSOCKET", "/socket", LOOP),
    }
    assert ways == {
        ("Page.get", LOOP, "GET /in/page"),
        ("Page.post", POOL, "POST /in/page"),
        ("Socket.on_receive", LOOP, "WEBSOCKET /socket"),
        ("Slow.dispatch", LOOP, "middleware Slow.dispatch"),
        ("started", LOOP, "startup started"),
        ("failed", POOL, "middleware failed"),
    }


def test_callbacks_of_the_loop_and_generators_handed_to_threads(tmp_path):
    _, ways = read(
        tmp_path,
        """
        import asyncio
        from fastapi import FastAPI
        from fastapi.concurrency import iterate_in_threadpool
        app = FastAPI()
        def later(): time.sleep(1)
        def parts():
            time.sleep(2)
            yield 1
        async def work(): time.sleep(3)
        @app.get("/x")
        async def x():
            asyncio.get_running_loop().call_later(5, later)
            async for part in iterate_in_threadpool(parts()): ...
            waiting = work()
            asyncio.create_task(waiting)
        """,
    )
    assert ways == {
        ("later", "background_event_loop", "GET /x"),
        ("parts", POOL, "GET /x"),
        ("work", "background_event_loop", "GET /x"),
    }


@pytest.mark.slow
def test_applications_mounted_from_other_modules_and_from_functions(tmp_path):
    (tmp_path / "parts.py").write_text(
        textwrap.dedent("""
        from fastapi import APIRouter, FastAPI
        sub = FastAPI()
        @sub.get("/h")
        async def h(): ...
        def make():
            app = FastAPI()
            router = APIRouter(prefix="/r")
            @router.get("/i")
            def i(): ...
            app.include_router(router)
            return app
        """)
    )
    read(
        tmp_path,
        """
        from fastapi import FastAPI
        from parts import make, sub
        app = FastAPI()
        app.mount("/v1", sub)
        app.mount("/v2", make())
        """,
    )
    handlers = read_app_source(RawFile(tmp_path, "parts.py"))[0][1]
    assert dict(zip(handlers["path"], handlers["runs_on"], strict=True)) == {"/v1/h": LOOP, "/v2/r/i": POOL}


def test_routers_that_functions_are_given_keep_their_prefixes(tmp_path):
    handlers, _ = read(
        tmp_path,
        """
        from fastapi import APIRouter, Depends, FastAPI
        parts = APIRouter()
        @parts.get("/parts")
        async def part(): ...

        def fill(router: APIRouter, *, extra=None) -> APIRouter:
            router.include_router(parts, prefix="/in")
            return router
        plain = fill(APIRouter())
        tenant = fill(APIRouter(prefix="/{tenant}"))

        def register(router):
            @router.get("/late")
            def late(): ...
        admin = APIRouter(prefix="/admin")
        register(admin)
        register(router=tenant)

        app = FastAPI()
        app.include_router(plain)
        app.include_router(tenant)
        app.include_router(admin, prefix="/v1")
        """,
    )
    assert handlers == {
        ("GET", "/in/parts", LOOP),
        ("GET", "/{tenant}/in/parts", LOOP),
        ("GET", "/v1/admin/late", POOL),
        ("GET", "/{tenant}/late", POOL),
    }


def test_an_alias_of_another_module_means_what_it_names_there(tmp_path):
    """``SessionDep`` is imported, what it depends on is not: by name, by module, and through a package."""
    for name, text in {
        "deps": """
            from typing import Annotated
            from fastapi import Depends
            from sqlalchemy.orm import Session
            def get_session():
                time.sleep(1)
                with Session() as session:
                    yield session
            class Page:
                def __init__(self):
                    time.sleep(2)
            SessionDep = Annotated[Session, Depends(get_session)]
        """,
        "api/__init__": "from deps import SessionDep as Database",
    }.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("import time\n" + textwrap.dedent(text))
    handlers = """
        import deps
        from api import Database
        from deps import Page, SessionDep
        from fastapi import Depends, FastAPI
        app = FastAPI()
        @app.get("/name")
        async def name(session: SessionDep):
            session.commit()
        @app.get("/module")
        async def module(session: deps.SessionDep):
            session.commit()
        @app.get("/package")
        async def package(session: Database):
            session.commit()
        @app.get("/type")
        async def of_type(page: Page = Depends()):
            return page
    """
    (tmp_path / "app.py").write_text(textwrap.dedent(handlers))
    _, (_, calls, _) = read_app_source(RawFile(tmp_path, "app.py"))
    commits = calls[calls["call"] == "sqlalchemy.orm.Session().commit"]
    assert set(commits["reached_from"]) == {"GET /name", "GET /module", "GET /package"}
    _, (_, calls, _) = read_app_source(RawFile(tmp_path, "deps.py"))
    ways = set(zip(calls["function"], calls["context"], calls["reached_from"], strict=True))
    assert ways == {
        ("get_session", POOL, "GET /name"),
        ("get_session", POOL, "GET /module"),
        ("get_session", POOL, "GET /package"),
        ("Page.__init__", POOL, "GET /type"),
    }


def test_a_router_is_mounted_by_a_function_to_which_it_is_passed(tmp_path):
    text = """
    from fastapi import APIRouter, FastAPI
    def add(application: FastAPI, router: APIRouter, **options):
        application.include_router(router, **{**options, "prefix": make(options)})
    def add_two(application, router, prefix=""):
        add(application, router, prefix=prefix)
    first_router = APIRouter()
    second_router = APIRouter(prefix="/b")
    lost_router = APIRouter()
    @first_router.get("/x")
    def x(): ...
    @second_router.get("/y")
    def y(): ...
    @lost_router.get("/z")
    def z(): ...
    def create():
        application = FastAPI()
        add(application, first_router, prefix="/a")
        add_two(application, second_router, prefix="/two")
        return application
    """
    (tmp_path / "app.py").write_text(textwrap.dedent(text))
    (_, handlers, _), _ = read_app_source(RawFile(tmp_path, "app.py"))
    found = dict(zip(handlers["path"], handlers["application_file"].fillna("-"), strict=True))
    assert found == {"/a/x": "app.py", "/two/b/y": "app.py", "/z": "-"}
