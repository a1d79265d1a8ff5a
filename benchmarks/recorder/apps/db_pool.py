"""An API whose jobs, results and /health each need one of the few connections to its database."""

import logging
import sqlite3
import time

from common import OpenRequests, fetch_clip
from fastapi import BackgroundTasks, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

log = logging.getLogger("service")
app = FastAPI()
app.add_middleware(OpenRequests)


def connect():
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    # A query takes as long as the store, which stands for the database's disk.
    connection.create_function("clip_bytes", 1, lambda name: len(fetch_clip(name)))
    return connection


engine = create_engine(
    "sqlite://", creator=connect, poolclass=QueuePool, pool_size=5, max_overflow=2, pool_timeout=3
)


def clip_bytes(name):
    with engine.connect() as connection:
        return connection.execute(text("SELECT clip_bytes(:name)"), {"name": name}).scalar_one()


def run_job(name):
    start = time.perf_counter()
    size = clip_bytes(name)
    log.info("job %s done bytes=%d seconds=%.2f", name, size, time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
def async_process(name: str, background: BackgroundTasks):
    background.add_task(run_job, name)
    return {"job": name, "state": "accepted"}


@app.get("/v1/results/{name}")
def results(name: str):
    return {"job": name, "bytes": clip_bytes(name)}


@app.get("/health")
def health():
    with engine.connect() as connection:
        return {"status": "ok", "database": connection.execute(text("SELECT 1")).scalar_one()}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
