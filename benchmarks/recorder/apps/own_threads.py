"""An API whose job computes on threads of its own: they and the event loop share one interpreter."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from common import OpenRequests, fetch_clip
from fastapi import FastAPI

log = logging.getLogger("service")
app = FastAPI()
app.add_middleware(OpenRequests)
workers = ThreadPoolExecutor(max_workers=12, thread_name_prefix="features")


def extract_features(clip):
    counts = [0] * 16
    state = 7
    for _ in range(len(clip)):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        counts[state >> 27] += 1
    return counts


def run_job(name):
    start = time.perf_counter()
    clip = fetch_clip(name)
    extract_features(clip)
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clip), time.perf_counter() - start)


@app.post("/async-process/{name}", status_code=202)
async def async_process(name: str):
    workers.submit(run_job, name)
    return {"job": name, "state": "accepted"}


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/v1/report")
async def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
