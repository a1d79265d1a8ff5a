"""Names, routes, hooks and calls of a project in memory, by complete rows."""

import ast
import json
import textwrap

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
    return calls.project.resolve_all(last.value, function)


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
