"""An API that keeps every clip in memory and never drops one."""

import asyncio
import logging
import time

from common import OpenRequests, fetch_clip
from fastapi import FastAPI

log = logging.getLogger("service")
app = FastAPI()
app.add_middleware(OpenRequests)
clips = {}
tasks = set()


async def run_job(name):
    start = time.perf_counter()
    clips[name] = await asyncio.to_thread(fetch_clip, name)
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clips[name]), time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
async def async_process(name: str):
    task = asyncio.create_task(run_job(name))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return {"job": name, "state": "accepted"}


@app.get("/v1/results/{name}")
async def results(name: str):
    return {"job": name, "bytes": len(clips.get(name, b""))}


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
