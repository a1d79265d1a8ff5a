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
    (_, handlers, _), (_, calls, _) = read_app_source(RawFile(folder, "app.py"))
    mine = calls[calls["kind"].isin(BLOCKING) & calls["reached_from"].eq("GET /x")]
    unknown = [json.loads(one) for one in handlers["unknown_calls"]]
    return set(zip(mine["call"], mine["is_certain"], strict=True)), unknown


def test_a_model_is_what_another_method_assigns_later(tmp_path):
    calls, _ = read(
        tmp_path,
        """
        class Analyzer:
            def __init__(self):
                self.model = None
                self.client: openai.OpenAI | None = None
            def load(self):
                self.model = whisper.load_model("base")
            def run(self, path):
                self.client.models.list()
                return self.model.transcribe(path)
        analyzer = Analyzer()
        @app.get("/x")
        async def x():
            return analyzer.run("f")
        """,
    )
    assert calls == {("whisper.load_model().transcribe", True), ("openai.OpenAI().models.list", True)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read_item", "found"),
    [
        ('state["asr"](audio)', {("transformers.pipeline()", True)}),
        ('state.get("asr")(audio)', {("transformers.pipeline()", True)}),
        ('state["http"].get("/")', {("requests.Session().get", True)}),
        # Of an unknown key, each value is possible.
        ("state[name].get(audio)", {("requests.Session().get", False)}),
        ('state["other"](audio)', set()),
        ('MODELS["base"].transcribe(audio)', {("whisper.load_model().transcribe", True)}),
    ],
)
def test_an_item_is_what_a_lifespan_puts_under_its_key(tmp_path, read_item, found):
    calls, _ = read(
        tmp_path,
        f"""
        state = {{}}
        MODELS = {{"base": whisper.load_model("base")}}
        @asynccontextmanager
        async def lifespan(app):
            state["asr"] = transformers.pipeline("asr")
            state["http"] = requests.Session()
            yield
            state.clear()
        app = FastAPI(lifespan=lifespan)
        @app.get("/x")
        async def x(audio, name):
            return {read_item}
        """,
    )
    assert calls == found


FACTORY = """
class Provider(ABC):
    @abstractmethod
    def work(self): ...
class Remote(Provider):
    def work(self):
        requests.get("/")
class Local(Provider):
    def work(self):
        soundfile.read("f")
def always():
    requests.get("/always")
MADE
@app.get("/x")
async def x():
    always()
    make().work()
"""


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize(
    "made",
    [
        "def make(kind):\n    if kind:\n        return Remote()\n    return Local()",
        "def make(kind):\n    return Remote() if kind else Local()",
        "CLASSES = {'a': Remote, 'b': Local}\ndef make(kind):\n    return CLASSES[kind]()",
        "def make() -> Provider: ...",
    ],
)
def test_all_values_of_a_factory_are_possible(tmp_path, made):
    calls, _ = read(tmp_path, FACTORY.replace("MADE", made))
    # The call of the same function is certain where another way leads to it.
    assert calls == {("requests.get", True), ("requests.get", False), ("soundfile.read", False)}


@pytest.mark.slow
def test_methods_of_a_result_do_not_block(tmp_path):
    calls, (unknown,) = read(
        tmp_path,
        """
        client = openai.OpenAI()
        @app.get("/x")
        async def x():
            text = client.with_options(timeout=3).chat.completions.create(model="m").choices[0].text.strip()
            return client.responses.create().output_text.upper(), text
        """,
    )
    assert calls == {
        ("openai.OpenAI().with_options().chat.completions.create", True),
        ("openai.OpenAI().responses.create", True),
    }
    assert unknown == []


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
@pytest.mark.parametrize(
    ("source", "found"),
    [("io.BytesIO(data)", set()), ("buffer", set()), ("'f.wav'", {("soundfile.read", True)})],
)
def test_a_file_in_memory_is_not_waited_for(tmp_path, source, found):
    calls, _ = read(
        tmp_path,
        f"""
        @app.get("/x")
        async def x(data):
            buffer = io.BytesIO()
            buffer.write(data)
            return soundfile.read({source})
        """,
    )
    assert calls == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        ("return {'a': [1].copy(), 'b': ', '.join(sorted(items))}", []),
        ("results.get('a'); first, second = split(); first.strip()", []),
        ("return vendor.Client().fetch('a')", ["vendor.Client", "vendor.Client().fetch"]),
        ("return items.fetch()", ["items.fetch"]),
        ("await vendor.Client().fetch('a')", ["vendor.Client"]),
        ("return Model(a=1).model_dump()", []),
        ("return Model(a=1).dict()", []),
    ],
)
def test_calls_of_unknown_effect_are_named(tmp_path, body, unknown):
    _, (found,) = read(
        tmp_path,
        f"""
        import vendor
        from pydantic import BaseModel
        class Model(BaseModel):
            a: int
        results: dict[str, int] = {{}}
        def split():
            return "a", "b"
        @app.get("/x")
        async def x(items):
            {body}
        """,
    )
    assert found == unknown


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
