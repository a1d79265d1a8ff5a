"""An API whose job is a coroutine that downloads with a blocking client: it stops the event loop."""

import asyncio
import logging
import time

from common import OpenRequests, fetch_clip
from fastapi import FastAPI

log = logging.getLogger("service")
app = FastAPI()
app.add_middleware(OpenRequests)
tasks = set()


async def run_job(name):
    start = time.perf_counter()
    clip = fetch_clip(name)
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clip), time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
async def async_process(name: str):
    task = asyncio.create_task(run_job(name))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return {"job": name, "state": "accepted"}


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
