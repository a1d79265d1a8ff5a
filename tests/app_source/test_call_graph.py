"""Names, routes, hooks and calls of a project in memory, by complete rows."""

import ast
import json
import textwrap

import pytest
from worlds.together import together

from watchme_analysis.app_source.middleware import hooks_of
from watchme_analysis.app_source.reader import analyse, call_rows, handler_rows

WEB = """
import asyncio, threading, time
import requests
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
from starlette.responses import StreamingResponse
"""


def graph(**files):
    texts = {name.replace("__", "/") + ".py": textwrap.dedent(text) for name, text in files.items()}
    return analyse({name: ast.parse(text) for name, text in texts.items()})


def app(text):
    return graph(app=WEB + "app = FastAPI()\n" + textwrap.dedent(text))


def resolved(text, **files):
    """Return the value of the expression on the last line of a function ``f`` of ``app.py``."""
    calls = graph(app=text, **files)
    function = calls.project.functions["app.f"]
    last = function.node.body[-1]
    return calls.project.resolve_all(last.value, function, function.module)


def within(*lines, before="", parameters=""):
    return f"{before}\ndef f({parameters}):\n" + "\n".join(f"    {line}" for line in lines)


@together(
    ("text", "values"),
    [
        (within("boto3.client('s3').get", before="import boto3"), ["boto3.client().get"]),
        (within("s3 = c('s3')", "s3.get", before="from boto3 import client as c"), ["boto3.client().get"]),
        (within("a.b", parameters="a"), ["?a.b"]),
        (within("a.b", parameters="*a"), ["?a.b"]),
        (within("a.b", parameters="**a"), ["?a.b"]),
        (within("a.b", parameters="a: x.Client"), ["x.Client().b"]),
        (within("a.b", parameters="a: 'x.Client | None' = None"), ["x.Client().b"]),
        (within("a.b", parameters="a=Depends(make)", before="def make() -> x.Client: ..."), ["x.Client().b"]),
        (within("a.b", parameters="a: x.C = Depends()"), ["x.C().b"]),
        (
            within(
                "a.b",
                parameters="a: Dep",
                before="Dep = Annotated[x.C, Depends(make)]\ndef make():\n    yield x.D()",
            ),
            ["x.D().b"],
        ),
        (
            within("a.b", parameters="a=Security(dependency=make)", before="def make():\n    return x.D()"),
            ["x.D().b"],
        ),
        (within("[].append"), ["list().append"]),
        (within("{}.get"), ["dict().get"]),
        (within("{1}.add"), ["set().add"]),
        (within("[x for x in y][0].z"), ["list()[].z"]),
        (within("(await x.make()).go"), ["x.make().go"]),
        (within("(a or x.make()).go"), ["x.make().go"]),
        (within("(x.a() if c else x.b()).go"), ["x.a().go", "x.b().go"]),
        (within("g().go", before="def g():\n    return x.a()\n    return x.b()"), ["x.a().go", "x.b().go"]),
        (within("g().go", before="def g() -> x.C: ..."), ["x.C().go"]),
        (within("g().go", before="def g() -> Iterator[x.C]:\n    yield h[0]"), ["x.C().go"]),
        (within("g().go", before="def g(): ..."), ["app.g().go"]),
        (within("g().go", before="def g() -> int: ..."), ["app.g().go"]),
        (within("A().m", before="class A:\n    def m(self): ..."), ["app.A.m"]),
        (within("A().p.go", before="class A:\n    @property\n    def p(self): return x.C()"), ["x.C().go"]),
        (
            within("A().p.go", before="class A:\n    @cached_property\n    def p(self) -> x.C: ..."),
            ["x.C().go"],
        ),
        (within("A().b.go", before="class A:\n    b = x.C()"), ["x.C().go"]),
        (within("A().b.go", before="class A:\n    def __init__(self): self.b = x.C()"), ["x.C().go"]),
        (
            within(
                "A().b.go",
                before="class A:\n    b: x.D\n    def s(self):\n        self.b = x.C()\n"
                "        self.b = y.E()",
            ),
            ["x.C().go", "y.E().go"],
        ),
        (within("A().m", before="class B:\n    def m(self): ...\nclass A(B): ..."), ["app.B.m"]),
        (within("A().nothing", before="class A: ..."), ["app.A().nothing"]),
        (within("A[int].m", before="class A:\n    def m(self): ..."), ["app.A.m"]),
        (within("a = a or x.make()", "a.go"), ["x.make().go"]),
        (within("D['k'].go", before="D = {'k': x.a(), 'l': x.b()}"), ["x.a().go"]),
        (within("D[k].go", before="D = {'k': x.a(), 'l': x.b()}"), ["x.a().go", "x.b().go"]),
        (within("D.pop('l').go", before="D = {'k': x.a()}\nD['l'] = x.b()"), ["x.b().go"]),
        (within("D.other('l').go", before="D = {'l': x.a()}"), ["dict().other().go"]),
        (within("D['k'].go", before="D = {'k': 5}"), ["dict()[].go"]),
        (within("d = {'k': x.a()}", "d['k'].go", before="d = {'k': x.b()}"), ["x.a().go"]),
        (within("global D", "D = {'k': x.b()}", "D['k'].go", before="D = None"), ["x.b().go"]),
        (
            within("request.app.state.m.go", before="def s(app): app.state.m = x.C()", parameters="request"),
            ["x.C().go"],
        ),
        (
            within(
                "request.state.m.go",
                before="@asynccontextmanager\nasync def s(app):\n    yield {'m': x.C(), n: 1}",
                parameters="request",
            ),
            ["x.C().go"],
        ),
        (
            within(
                "request.app.state.d['k'].go",
                before="def s(app): app.state.d['k'] = x.C()",
                parameters="request",
            ),
            ["x.C().go"],
        ),
        (within("print"), ["print"]),
        (within("5"), []),
    ],
)
def test_the_values_of_an_expression(text, values):
    assert resolved(text) == values


@together(
    ("text", "files", "values"),
    [
        ("import a.b\ndef f():\n    a.b.make().go", {"a__b": "def make(): return x.C()"}, ["x.C().go"]),
        (
            "from a import b as c\ndef f():\n    c.D().m",
            {"a__b": "class D:\n    def m(self): ..."},
            ["a.b.D.m"],
        ),
        ("from .a import client\ndef f():\n    client.go", {"a": "client = x.C()"}, ["x.C().go"]),
        (
            "from a import client\ndef f():\n    client.go",
            {"a": "from b import client", "b": "client = x.C()"},
            ["x.C().go"],
        ),
        ("from a import *\ndef f():\n    a", {"a": "client = x.C()"}, ["a"]),
        # A module without the imported name only shares its name with an installed package.
        ("from redis import Redis\ndef f():\n    Redis().go", {"redis": "other = 1"}, ["redis.Redis().go"]),
        (
            "from redis import Redis\ndef f():\n    Redis().go",
            {"redis": "class Redis: ..."},
            ["redis.Redis().go"],
        ),
        (
            "from a import D\ndef f():\n    D['k'].go",
            {"a": "from b import D", "b": "D = {}\ndef g(): D['k'] = x.C()"},
            ["x.C().go"],
        ),
        ("import a\ndef f():\n    a.D['k'].go", {"a": "D = {'k': x.C()}"}, ["x.C().go"]),
        (
            "import deps\ndef f(a: deps.Client):\n    a.go",
            {"deps": "from other import Client", "other": "Client = Annotated[x.C, 5]"},
            ["x.C().go"],
        ),
    ],
)
def test_values_of_other_modules(text, files, values):
    assert resolved(text, **files) == values


def test_values_of_methods():
    text = """
    class Base:
        def __init__(self):
            self.client = x.C()
        def go(self): ...
    class Heir(Base):
        store = {}
        def go(self):
            super().go
        def set(self):
            self.store["k"] = x.D()
        def get(self):
            self.store["k"].go
        @classmethod
        def make(cls):
            cls.get
        def own(self):
            def inner():
                self.client.go
                super().go
            inner
    """
    calls = graph(m=text)

    def last(name, at=-1):
        function = calls.project.functions[name]
        return calls.project.resolve(function.node.body[at].value, function, function.module)

    assert last("m.Heir.go") == "m.Base.go"
    assert last("m.Heir.get") == "x.D().go"
    assert last("m.Heir.make") == "m.Heir.get"
    assert last("m.Heir.own.inner", 0) == "x.C().go"
    assert last("m.Heir.own.inner") == "m.Base.go"
    assert last("m.Heir.own") == "m.Heir.own.inner"


def handlers(calls):
    return [
        (row["method"], row["path"], row["function"], row["application_file"]) for row in handler_rows(calls)
    ]


def test_every_column_of_a_handler():
    calls = app(
        """
        @app.post("/x", status_code=status.HTTP_202_ACCEPTED)
        async def x(tasks: BackgroundTasks):
            tasks.add_task(work, 5)
            tasks.add_task(work, 6)
            other.thing()
        def work(n): time.sleep(1)
        """
    )
    assert handler_rows(calls) == [
        {
            "file": "app.py",
            "line": 9,
            "function": "x",
            "method": "POST",
            "path": "/x",
            "framework": "fastapi",
            "is_async": True,
            "runs_on": "event_loop",
            "response_status": 202,
            "background_tasks": '["work"]',
            "application_file": "app.py",
            "unknown_calls": '["other.thing"]',
            "unknown_in_threads": "[]",
        }
    ]
    rows = call_rows(calls)
    assert rows == [
        {
            "file": "app.py",
            "line": line,
            "function": function,
            "call": call,
            "kind": kind,
            "timeout_s": None,
            "is_certain": True,
            "reached_from": "POST /x",
            "application_file": "app.py",
            "context": context,
            "chain": json.dumps(chain),
        }
        for line, function, call, kind, context, chain in (
            (10, "x", "fastapi.BackgroundTasks().add_task", "thread_pool", "event_loop", ["x"]),
            (11, "x", "fastapi.BackgroundTasks().add_task", "thread_pool", "event_loop", ["x"]),
            (13, "work", "time.sleep", "blocking_sleep", "background_thread_pool", ["x", "work"]),
        )
    ]


def test_calls_that_no_handler_reaches_and_limits():
    rows = call_rows(
        app("def alone():\n    requests.get('/', timeout=(1, 2.5))\nlock = asyncio.Semaphore(3)\n")
    )
    assert rows == [
        {
            "file": "app.py",
            "line": 8,
            "function": "alone",
            "call": "requests.get",
            "kind": "blocking_io",
            "timeout_s": 2.5,
            "is_certain": True,
            "reached_from": None,
            "context": "unknown",
            "chain": '["alone"]',
        },
        {
            "file": "app.py",
            "line": 9,
            "function": "<module>",
            "call": "asyncio.Semaphore",
            "kind": "limit",
            "context": "unknown",
            "reached_from": None,
            "at_once": 3,
            "variable": None,
        },
    ]


@together(
    ("text", "found"),
    [
        ("@app.get('/a')\n@app.head('/a')\ndef x(): ...", [("GET", "/a"), ("HEAD", "/a")]),
        ("@app.get(path='/a')\ndef x(): ...", [("GET", "/a")]),
        ("@app.api_route('/a')\ndef x(): ...", [("GET", "/a")]),
        ("@app.api_route('/a', methods={'put'})\ndef x(): ...", [("PUT", "/a")]),
        ("@app.websocket_route('/a')\ndef x(): ...", [("WEBSOCKET", "/a")]),
        ("@protected(app.get, '/a')\ndef x(): ...", [("GET", "/a")]),
        ("@protected(app.other, '/a')\ndef x(): ...", []),
        ("@app.get\ndef x(): ...", []),
        ("@app.get('/' + NAME + f'/{SUB}/{id}')\ndef x(): ...\nNAME, SUB = 'n', 's'", [("GET", "/n/s/{id}")]),
        ("@app.get('/a//b')\ndef x(): ...", [("GET", "/a/b")]),
        ("@app.get('')\ndef x(): ...", [("GET", "/")]),
        ("class A:\n    P = '/p'\n@app.get(A.P)\ndef x(): ...", [("GET", "/p")]),
        ("def make():\n    P = '/p'\n    @app.get(P)\n    def x(): ...", [("GET", "/p")]),
        (
            "app.add_api_route('/a', x, methods=['PUT', 'POST'])\ndef x(): ...",
            [("POST", "/a"), ("PUT", "/a")],
        ),
        ("app.add_api_route('/a', endpoint=x)\ndef x(): ...", [("GET", "/a")]),
        ("app.add_api_websocket_route('/a', x)\ndef x(): ...", [("WEBSOCKET", "/a")]),
        ("app.add_route('/a', A())\nclass A:\n    def __call__(self): ...", [("GET", "/a")]),
        (
            "app.add_route('/a', A)\nclass A(HTTPEndpoint):\n    def get(self): ...\n"
            "    def put(self): ...\n    def x(self): ...",
            [("GET", "/a"), ("PUT", "/a")],
        ),
        (
            "app.add_websocket_route('/a', A)\nclass A(WebSocketEndpoint):\n    def on_receive(self): ...",
            [("WEBSOCKET", "/a")],
        ),
        (
            "r = APIRouter(prefix='/r')\n@r.get('/a')\ndef x(): ...\napp.include_router(r, prefix='/p')\n"
            "app.include_router(router=r)",
            [("GET", "/p/r/a"), ("GET", "/r/a")],
        ),
        ("r = APIRouter()\n@r.get('/a')\ndef x(): ...\napp.mount('/m', r)", [("GET", "/m/a")]),
        ("r = APIRouter()\n@r.get('/a')\ndef x(): ...\napp.mount(path='/m', app=r)", [("GET", "/m/a")]),
        (
            "routes = [Route('/a', x, methods=['PUT']), WebSocketRoute('/w', y), 5,\n"
            "  Mount('/m', routes=[Route('/b', endpoint=x)]), Mount('/n', r), Mount('/o', app=s)]\n"
            "def x(): ...\ndef y(): ...\nr = APIRouter()\n@r.get('/c')\ndef z(): ...\n"
            "s = APIRouter()\n@s.get('/d')\ndef t(): ...\nmade = Starlette(routes=routes)\n"
            "from starlette.applications import Starlette",
            [("PUT", "/a"), ("WEBSOCKET", "/w"), ("GET", "/m/b"), ("GET", "/n/c"), ("GET", "/o/d")],
        ),
        (
            "def register(router, prefix=''):\n    @router.get('/a')\n    def x(): ...\nregister(app)",
            [("GET", "/a")],
        ),
        (
            "def include(app, router):\n    app.include_router(router)\nr = APIRouter()\n"
            "@r.get('/a')\ndef x(): ...\n"
            "include(app, router=r)",
            [("GET", "/a")],
        ),
        (
            "def build():\n    made = FastAPI()\n    @made.get('/a')\n    def x(): ...\n"
            "    return made\nserver = build()",
            [("GET", "/a")],
        ),
        (
            "class S:\n    def __init__(self):\n        self.app = FastAPI()\n"
            "        self.app.add_api_route('/a', self.x)\n"
            "    def x(self): ...",
            [("GET", "/a")],
        ),
        (
            "class A(FastAPI):\n    def __init__(self):\n        self.get('/a')(x)\nmine = A()\n"
            "@mine.get('/b')\ndef x(): ...",
            [("GET", "/b")],
        ),
    ],
)
def test_routes_in_every_form(text, found):
    rows = [(method, path) for method, path, _, _ in handlers(app(text))]
    assert sorted(rows) == sorted(found)


def test_a_router_of_two_applications_has_no_application():
    calls = graph(
        one=WEB + "from r import router\napp = FastAPI()\napp.include_router(router, prefix='/1')",
        two=WEB + "from r import router\napp = FastAPI()\napp.include_router(router, prefix='/2')",
        r=WEB + "router = APIRouter()\n@router.get('/a')\ndef x(): ...\nrouter.add_middleware(M)\n"
        "class M:\n    def dispatch(self): ...",
        alone=WEB + "router = APIRouter()\n@router.get('/b')\ndef y(): ...",
    )
    assert handlers(calls) == [
        ("GET", "/b", "y", None),
        ("GET", "/1/a", "x", "one.py"),
        ("GET", "/2/a", "x", "two.py"),
    ]
    assert [hook.application for hook in calls.hooks.middlewares] == [None]


def test_dependencies_of_routers_run_before_their_handlers():
    calls = app(
        """
        def first(): time.sleep(1)
        async def second(): time.sleep(2)
        def third(): time.sleep(3)
        def fourth(): time.sleep(4)
        NEEDED = [Depends(first), 5, other()]
        router = APIRouter(prefix="/r", dependencies=NEEDED)
        @router.get("/a", dependencies=[Depends(third)])
        async def x(value=Depends(fourth)): ...
        app.include_router(router, dependencies=[Security(second)])
        """
    )
    sleeps = {
        (row["function"], row["context"], row["chain"])
        for row in call_rows(calls)
        if row["call"] == "time.sleep" and row["reached_from"] == "GET /r/a"
    }
    assert sleeps == {
        ("first", "thread_pool", '["first"]'),
        ("second", "event_loop", '["second"]'),
        ("third", "thread_pool", '["x", "third"]'),
        ("fourth", "thread_pool", '["x", "fourth"]'),
    }
    waiting = [(row["function"], row["kind"]) for row in call_rows(calls) if row["call"] == "fastapi.Depends"]
    assert waiting == [("x", "thread_pool")]


def test_hooks_of_an_application():
    calls = app(
        """
        from contextlib import asynccontextmanager
        @app.middleware("http")
        async def around(request, call_next): ...
        @app.exception_handler(ValueError)
        async def wrong(request, error): ...
        @app.on_event("startup")
        async def begin(): time.sleep(1)
        @other.command("x")
        def command(): ...
        app.add_event_handler("startup", begun)
        app.add_exception_handler(KeyError, handler=missing)
        app.add_exception_handler(KeyError, missing)
        app.add_event_handler("startup", unknown)
        def begun(): ...
        def missing(): ...
        class Timing:
            async def __call__(self, scope): ...
            def dispatch(self): ...
        app.add_middleware(Timing)
        app.add_middleware(BaseHTTPMiddleware, dispatch=around)
        stack = [Middleware(Timing)]
        @asynccontextmanager
        async def lifespan(app):
            time.sleep(2)
            yield
        second: FastAPI = FastAPI(lifespan=lifespan, on_startup=[begun, unknown])
        """
    )
    hooks = hooks_of(calls.routes)
    assert [(hook.function.name, hook.application) for hook in hooks.middlewares] == [
        ("around", "app.py"),
        ("wrong", "app.py"),
        ("missing", "app.py"),
        ("Timing.__call__", "app.py"),
        ("Timing.dispatch", "app.py"),
        ("around", "app.py"),
        ("Timing.__call__", None),
        ("Timing.dispatch", None),
    ]
    assert [(hook.function.name, hook.application) for hook in hooks.startups] == [
        ("begin", "app.py"),
        ("begun", "app.py"),
        ("lifespan", "app.py"),
        ("begun", "app.py"),
    ]
    sleeps = [
        (row["reached_from"], row["context"]) for row in call_rows(calls) if row["call"] == "time.sleep"
    ]
    assert sorted(sleeps) == [("startup begin", "event_loop"), ("startup lifespan", "event_loop")]


@together(
    ("call", "how", "context"),
    [
        ("work()", "call", "event_loop"),
        ("await asyncio.to_thread(work)", "thread", "thread_pool"),
        ("await run_in_threadpool(partial(work, 5))", "thread", "thread_pool"),
        ("await loop.run_in_executor(None, lambda: work())", "thread", "thread_pool"),
        ("await loop.run_in_executor(ProcessPoolExecutor(), work)", "process", "process_pool"),
        ("asyncio.create_task(later())", "task", "background_event_loop"),
        ("loop.call_soon(work)", "task", "background_event_loop"),
        ("loop.call_later(5, work)", "task", "background_event_loop"),
        ("threading.Thread(target=work).start()", "pool", "background_thread_pool"),
        ("threading.Timer(5, work).start()", "pool", "background_thread_pool"),
        ("multiprocessing.Process(target=work).start()", "process", "process_pool"),
        ("POOL.submit(work)", "pool", "background_thread_pool"),
        ("POOL.map(work, [])", "pool", "background_thread_pool"),
        ("multiprocessing.Pool().map(work, [])", "process", "process_pool"),
        ("tasks.add_task(work)", "background", "background_thread_pool"),
        ("tasks.add_task(later)", "background", "background_event_loop"),
        ("await asyncio.gather(later())", "call", "event_loop"),
        ("return StreamingResponse(steps())", "stream", "thread_pool"),
        ("return StreamingResponse(content=asteps())", "stream", "event_loop"),
        ("made = later(); asyncio.create_task(made)", "task", "background_event_loop"),
        ("asyncio.create_task()", None, None),
    ],
)
def test_where_work_runs(call, how, context):
    text = """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from functools import partial
        from starlette.concurrency import run_in_threadpool
        import multiprocessing
        POOL = ThreadPoolExecutor()
        loop = asyncio.get_running_loop()
        def work(n=0): time.sleep(1)
        async def later(): time.sleep(1)
        def steps():
            time.sleep(1)
            yield 1
        async def asteps():
            time.sleep(1)
            yield 1
        @app.get("/x")
        async def x(tasks: BackgroundTasks):
            CALL
    """
    calls = app(textwrap.dedent(text).replace("CALL", call))
    contexts = {row["context"] for row in call_rows(calls) if row["call"] == "time.sleep"} - {"unknown"}
    assert contexts == ({context} if context else set())
    body = calls.body(calls.project.functions["app.x"])
    assert ([edge.how for edge in body.edges][-1:] or [None]) == [how]
    in_background = how in ("background", "task", "pool")
    assert len(body.background) == int(in_background)


def kinds(text):
    """Return the call, kind and certainty of each site of a handler."""
    calls = app(
        "@app.get('/x')\nasync def x(name, n: int = 5):\n" + textwrap.indent(textwrap.dedent(text), "    ")
    )
    return [(row["call"], row["kind"]) for row in call_rows(calls) if row["reached_from"] == "GET /x"]


@together(
    ("text", "sites"),
    [
        ("requests.get('/')", [("requests.get", "blocking_io")]),
        ("await requests.get('/')", [("requests.get", "async_wait")]),
        ("await name()", []),
        (
            "with threading.Lock():\n    requests.get('/')",
            [("with threading.Lock", "lock"), ("requests.get", "blocking_io")],
        ),
        ("with threading.Lock():\n    len(name)", []),
        ("lock = threading.Lock()\nlock.acquire(blocking=False)", []),
        ("lock = threading.Lock()\nlock.acquire(False)", []),
        ("lock = threading.Lock()\nlock.acquire()", [("threading.Lock().acquire", "lock")]),
        ("import io, soundfile\nsoundfile.read(io.BytesIO(b''))", []),
        ("import io, soundfile\nsoundfile.read(file=io.BytesIO(b''))", []),
        ("import soundfile\nsoundfile.read('x')", [("soundfile.read", "blocking_file")]),
        ("for i in range(10_000):\n    i", [("for i in range(10000)", "cpu")]),
        ("for i in range(9_999):\n    i", []),
        ("[i for i in range(10_000)]", [("for i in range(10000)", "cpu")]),
        ("for i in range(n):\n    i", [("for i in range(n)", "cpu")]),  # a client chooses it
        ("for i in range(n):\n    await name()", []),
        ("for i in range(100):\n    for j in range(100):\n        j", [("for i in range(100)", "cpu")]),
    ],
)
def test_kinds_of_calls(text, sites):
    assert kinds(text) == sites


@pytest.mark.parametrize(
    ("signature", "body", "heavy"),
    [
        ("n: int", "", True),
        ("n: int = Query(le=9_999)", "", False),
        ("n: int = Query(le=10_000)", "", True),
        ("n: Annotated[int, Query(lt=MOST)]", "", False),
        ("n: str", "", False),
        ("n: int", "if n > 5: return", False),
        ("n: int", "n = 5", False),
    ],
)
def test_numbers_that_a_client_chooses(signature, body, heavy):
    calls = app(
        f"MOST = 5 * 10\n@app.get('/x')\ndef x({signature}):\n    {body or 'pass'}\n"
        "    for i in range(n): i\n"
    )
    found = [row["kind"] for row in call_rows(calls) if row["reached_from"] == "GET /x"]
    assert found == (["cpu"] if heavy else [])


def test_constants_of_a_module():
    calls = graph(m="A = 5\nB, C = A * 2, A - 1\nD = E = 2.5\nF = True\nG = 'x'\nH.x = 5\n")
    assert calls._constants["m"] == {"A": 5.0, "B": 10.0, "C": 4.0, "D": 2.5, "E": 2.5}


def test_the_shortest_certain_way_counts():
    calls = app(
        """
        class A(ABC):
            @abstractmethod
            def go(self): ...
        class B(A):
            def go(self): deep()
        class C(A):
            def go(self): ...
        def make(k):
            return B() if k else C()
        def deep(): time.sleep(1)
        def near(): deep()
        @app.get("/x")
        def x():
            make(1).go()
            near()
        """
    )
    (row,) = [row for row in call_rows(calls) if row["call"] == "time.sleep"]
    assert (row["chain"], row["is_certain"], row["context"]) == ('["x", "near", "deep"]', True, "thread_pool")


def test_unknown_calls_of_middleware_count_for_each_handler():
    calls = app(
        """
        @app.middleware("http")
        async def around(request, call_next):
            vendor.check()
        class Model(pydantic.BaseModel): ...
        @app.get("/x")
        async def x(value):
            value.go()
            Model()
            len(value)
            await value.later()
        """
    )
    (row,) = handler_rows(calls)
    assert json.loads(row["unknown_calls"]) == ["value.go", "vendor.check"]
