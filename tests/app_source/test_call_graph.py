"""Names, routes, hooks and calls of a project in memory, by complete rows."""

import ast
import textwrap

from worlds.together import together

from watchme_analysis.app_source.reader import analyse, handler_rows

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


def handlers(calls):
    return [
        (row["method"], row["path"], row["function"], row["application_file"]) for row in handler_rows(calls)
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
