"""The many ways in which FastAPI and Starlette are given functions, and where these then run."""

import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.health.handlers import handlers_by_route

LOOP, POOL = "event_loop", "thread_pool"


def read(folder, text):
    (folder / "app.py").write_text("import time\n" + textwrap.dedent(text))
    handlers, calls = (part.frame for part in read_app_source(RawFile(folder, "app.py")))
    sleeps = calls[calls["kind"] == "blocking_sleep"].fillna({"reached_from": "-"})
    ways = set(zip(sleeps["function"], sleeps["context"], sleeps["reached_from"], strict=True))
    return set(zip(handlers["method"], handlers["path"], handlers["runs_on"], strict=True)), ways


def test_streamed_plain_generators_run_on_threads_and_async_ones_on_the_loop(tmp_path):
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


def test_coroutines_need_threads_to_stream_plain_generators_and_files(tmp_path):
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
    handlers, calls = (part.frame for part in read_app_source(RawFile(tmp_path, "app.py")))
    known = handlers_by_route(handlers, calls, ["/plain", "/coroutine", "/file"])
    assert {path for path, handler in known.items() if handler.uses_threads} == {"/plain", "/file"}
    assert not any(handler.on_executor for handler in known.values())


@pytest.mark.slow
def test_handlers_inherit_dependencies_of_application_router_and_inclusion(tmp_path):
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


def test_a_function_is_shown_in_every_context_of_its_calls(tmp_path):
    _, ways = read(
        tmp_path,
        """
        import asyncio
        from fastapi import FastAPI
        app = FastAPI()
        def work(): time.sleep(1)
        @app.get("/x")
        async def x():
            work()
            await asyncio.to_thread(work)
        """,
    )
    assert ways == {("work", context, "GET /x") for context in (LOOP, POOL)}
