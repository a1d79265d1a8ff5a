"""What the values are that an application's source works with, and which of their methods block."""

import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile

PREAMBLE = """
import os
import time
from pathlib import Path
import boto3
from fastapi import Depends, FastAPI
from fastapi_sqlalchemy import db
from sqlalchemy import create_engine
from sqlalchemy.engine import Result
from sqlalchemy.orm import Session, sessionmaker
from vendor import Vendor, make_all
app = FastAPI()
"""


def blocking(folder, text):
    """Return what blocks, as call and where it is reached from."""
    (folder / "app.py").write_text(PREAMBLE + textwrap.dedent(text))
    _, (_, calls, _) = read_app_source(RawFile(folder, "app.py"))
    calls = calls[~calls["kind"].isin(["async_wait", "limit"])].fillna({"reached_from": "-"})
    return set(zip(calls["call"], calls["reached_from"], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("filters", [1, 3, 6])
def test_a_query_of_many_parts_is_one_all_the_same(tmp_path, filters):
    parts = ".filter(True)" * filters
    found = blocking(
        tmp_path,
        f"""
        engine = create_engine("")
        @app.get("/x")
        async def x():
            Made = sessionmaker(bind=engine)
            session = Made()
            return session.query(1).join(2){parts}.order_by(3).first()
        """,
    )
    called = ".filter()" * filters
    whole = f"sqlalchemy.orm.sessionmaker()().query().join(){called}.order_by().first"
    assert found == {(whole, "GET /x")}


@pytest.mark.slow
def test_a_class_method_that_makes_its_class_gives_an_instance(tmp_path):
    found = blocking(
        tmp_path,
        """
        class Service:
            @classmethod
            def create(cls):
                service = cls()
                return service
            def work(self):
                time.sleep(1)
        async def get_service() -> "Service":
            return Service.create()
        @app.get("/x")
        async def x(service=Depends(get_service)):
            service.work()
        """,
    )
    assert found == {("time.sleep", "GET /x")}


@pytest.mark.slow
def test_an_annotation_tells_where_the_body_does_not(tmp_path):
    found = blocking(
        tmp_path,
        """
        def make():
            first, second = make_all()
            return first
        Made, engine = make_all()
        class Settings:
            pass
        settings = Settings()
        class Account:
            def check(self):
                time.sleep(1)
        def by_name() -> Session:
            return Made()
        def by_setting() -> Path:
            return settings.FOLDER.joinpath("x")
        def by_vendor() -> Account:
            return settings.vendor.fetch("account")
        @app.get("/name")
        async def name(session=Depends(by_name)):
            session.commit()
        @app.get("/setting")
        async def setting(path=Depends(by_setting)):
            path.read_text()
        @app.get("/vendor")
        async def vendor(account=Depends(by_vendor)):
            account.check()
        """,
    )
    assert {(call, origin) for call, origin in found if call != "fastapi.Depends"} == {
        ("sqlalchemy.orm.Session().commit", "GET /name"),
        ("pathlib.Path().read_text", "GET /setting"),
        ("time.sleep", "GET /vendor"),
    }


@pytest.mark.parametrize(
    "body",
    [
        # Rows that an awaited execution has fetched.
        "result = await fetched(session)\n    return result.scalars().all()",
        "return os.path.normpath(os.path.join('a', 'b'))",
    ],
)
def test_what_has_come_already_does_not_block(tmp_path, body):
    source = f"""
async def fetched(session) -> Result:
    return await session.execute("")
@app.get("/x")
async def x(session):
    {body}
"""
    assert blocking(tmp_path, source) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "call"),
    [
        (
            "answer = s3.list_objects_v2()\n    return answer.get('Contents')",
            "boto3.client().list_objects_v2",
        ),
        ("return s3.get_object()['Body'].read().decode()", "boto3.client().get_object"),
        (
            "plugin = Session().query(1).one_or_none()\n    return plugin.instance.make().get('x')",
            "sqlalchemy.orm.Session().query().one_or_none",
        ),
    ],
)
def test_an_answer_is_waited_for_and_what_it_holds_is_not(tmp_path, body, call):
    source = f"s3 = boto3.client('s3')\n@app.get('/x')\nasync def x():\n    {body}\n"
    assert blocking(tmp_path, source) - {("boto3.client().get_object()[].read", "GET /x")} == {
        (call, "GET /x")
    }


@pytest.mark.slow
def test_the_session_of_a_package_that_keeps_it_for_the_request(tmp_path):
    found = blocking(
        tmp_path,
        """
        @app.get("/x")
        async def x():
            db.session.query(1).filter(2).first()
            db.session.add(3)
            db.session.commit()
        """,
    )
    assert found == {
        ("fastapi_sqlalchemy.db.session.query().filter().first", "GET /x"),
        ("fastapi_sqlalchemy.db.session.commit", "GET /x"),
    }
