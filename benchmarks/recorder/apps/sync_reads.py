"""An API of plain functions: every read, /health included, holds a thread of the same pool."""

import logging
import time

from common import OpenRequests, fetch_clip
from fastapi import BackgroundTasks, FastAPI

log = logging.getLogger("service")
app = FastAPI()
app.add_middleware(OpenRequests)


def run_job(name):
    start = time.perf_counter()
    clip = fetch_clip(name)
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clip), time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
def async_process(name: str, background: BackgroundTasks):
    background.add_task(run_job, name)
    return {"job": name, "state": "accepted"}


@app.get("/v1/results/{name}")
def results(name: str):
    return {"job": name, "bytes": len(fetch_clip(name))}


@app.get("/v1/summary")
def summary():
    return {"bytes": len(fetch_clip("summaries/day"))}


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
