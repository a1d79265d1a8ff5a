"""An API that waits for its store with an asynchronous client."""

import asyncio
import logging
import time
from contextlib import asynccontextmanager

import httpx
from common import FETCH_TIMEOUT_S, STORE_URL, OpenRequests
from fastapi import FastAPI, HTTPException

log = logging.getLogger("service")
state = {}
tasks = set()


@asynccontextmanager
async def lifespan(app):
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=10)
    async with httpx.AsyncClient(base_url=STORE_URL, timeout=FETCH_TIMEOUT_S, limits=limits) as client:
        state["store"] = client
        yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(OpenRequests)


async def fetch(path):
    try:
        answer = await state["store"].get(path)
    except httpx.HTTPError as error:
        log.warning("store failed: %s %s", type(error).__name__, path)
        raise HTTPException(503, "the store does not answer") from error
    return answer.content


async def run_job(name):
    start = time.perf_counter()
    try:
        clip = await fetch(f"/{name}")
    except HTTPException:
        log.warning("job %s failed seconds=%.2f", name, time.perf_counter() - start)
        return
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clip), time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
async def async_process(name: str):
    task = asyncio.create_task(run_job(name))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return {"job": name, "state": "accepted"}


@app.get("/v1/results/{name}")
async def results(name: str):
    return {"job": name, "bytes": len(await fetch(f"/{name}"))}


@app.get("/v1/summary")
async def summary():
    return {"bytes": len(await fetch("/summaries/day"))}


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
