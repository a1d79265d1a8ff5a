"""Sizes of thread pools, limiters, semaphores and connection pools, read from source."""

import textwrap

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.files.evidence_file import RawFile

PREAMBLE = """
import asyncio, os, threading
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
import aiohttp, anyio, asyncpg, boto3, httpx, redis, redis.asyncio
from anyio import to_thread
from botocore.config import Config
from psycopg_pool import AsyncConnectionPool
from psycopg2.pool import ThreadedConnectionPool
from pydantic_settings import BaseSettings
from requests.adapters import HTTPAdapter
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sizes import WORKERS

class Settings(BaseSettings):
    pool_size: int = 70
settings = Settings()
SIZE = int(os.environ.get("POOL_SIZE") or "9")
"""
LIMITER = "anyio.to_thread.current_default_thread_limiter().total_tokens"
SETS_DEFAULT = "asyncio.get_running_loop().set_default_executor"
CASES = {
    "to_thread.current_default_thread_limiter().total_tokens = 100": (LIMITER, 100, None),
    "limiter = anyio.to_thread.current_default_thread_limiter(); limiter.total_tokens = SIZE": (
        LIMITER,
        9,
        "POOL_SIZE",
    ),
    "to_thread.current_default_thread_limiter().total_tokens = int(os.getenv('T', 40))": (LIMITER, 40, "T"),
    "to_thread.current_default_thread_limiter().total_tokens = int(os.environ['T'])": (LIMITER, None, "T"),
    "to_thread.current_default_thread_limiter().total_tokens = settings.pool_size": (
        LIMITER,
        70,
        "POOL_SIZE",
    ),
    "anyio.CapacityLimiter(5)": ("anyio.CapacityLimiter", 5, None),
    "asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(12))": (SETS_DEFAULT, 12, None),
    "pool = ThreadPoolExecutor(max_workers=WORKERS); asyncio.get_running_loop().set_default_executor(pool)": (
        SETS_DEFAULT,
        33,
        None,
    ),
    "futures.ThreadPoolExecutor(WORKERS * 2)": ("concurrent.futures.ThreadPoolExecutor", None, None),
    "futures.ThreadPoolExecutor(4)": ("concurrent.futures.ThreadPoolExecutor", 4, None),
    "asyncio.Semaphore(3)": ("asyncio.Semaphore", 3, None),
    "threading.BoundedSemaphore()": ("threading.BoundedSemaphore", 1, None),
    "create_engine('x')": ("sqlalchemy.create_engine", 15, None),
    "create_async_engine('x', pool_size=20, max_overflow=0)": (
        "sqlalchemy.ext.asyncio.create_async_engine",
        20,
        None,
    ),
    "create_engine('x', pool_size=20, max_overflow=int(os.environ['MORE']))": (
        "sqlalchemy.create_engine",
        None,
        "MORE",
    ),
    "create_engine('x', **options)": ("sqlalchemy.create_engine", None, None),
    "httpx.AsyncClient(limits=httpx.Limits(max_connections=8))": ("httpx.Limits", 8, None),
    "AsyncConnectionPool('', min_size=1, max_size=6)": ("psycopg_pool.AsyncConnectionPool", 6, None),
    "ThreadedConnectionPool(1, 7)": ("psycopg2.pool.ThreadedConnectionPool", 7, None),
    "asyncpg.create_pool('')": ("asyncpg.create_pool", 10, None),
    "redis.asyncio.from_url('', max_connections=11)": ("redis.asyncio.from_url", 11, None),
    "boto3.client('s3', config=Config(max_pool_connections=25))": ("botocore.config.Config", 25, None),
    "HTTPAdapter(pool_maxsize=50)": ("requests.adapters.HTTPAdapter", 50, None),
    "aiohttp.TCPConnector(limit=2)": ("aiohttp.TCPConnector", 2, None),
}


def limits(folder):
    frame = read_app_source(RawFile(folder, "app.py"))[1][1]
    rows = frame[frame["kind"] == "limit"].astype(object)
    rows = rows.where(rows.notna(), None)
    return [(row.function, row.call, row.at_once, row.variable) for row in rows.itertuples()]


@pytest.mark.slow(fast=7)
@pytest.mark.parametrize("body", CASES)
def test_limits_are_read_with_their_size(tmp_path, body):
    (tmp_path / "sizes.py").write_text("WORKERS = 33\n")
    (tmp_path / "app.py").write_text(f"{PREAMBLE}{body}\nasync def start():\n    {body}\n")
    found = limits(tmp_path)
    assert [(function, *CASES[body]) in found for function in ("<module>", "start")] == [True, True]


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "body",
    [
        "create_engine('x', poolclass=NullPool)",
        "redis.Redis()",
        "usage.total_tokens = 3",
        "ThreadPoolExecutor()",
    ],
)
def test_what_sets_no_limit(tmp_path, body):
    (tmp_path / "app.py").write_text(PREAMBLE + textwrap.dedent(body) + "\n")
    assert limits(tmp_path) == []
