"""A Flask API: each request, /health included, holds a worker, or one of its threads, until its answer."""

import logging
import time

from common import fetch_clip
from flask import Flask

logging.basicConfig(
    level=logging.INFO, format="%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"
)
log = logging.getLogger("service")
app = Flask(__name__)


@app.post("/async-process/<name>")
def async_process(name):
    start = time.perf_counter()
    clip = fetch_clip(name)
    log.info("job %s done bytes=%d seconds=%.2f", name, len(clip), time.perf_counter() - start)
    return {"job": name, "state": "done"}


@app.get("/v1/results/<name>")
def results(name):
    return {"job": name, "bytes": len(fetch_clip(name))}


@app.get("/v1/summary")
def summary():
    return {"bytes": len(fetch_clip("summaries/day"))}


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/v1/report")
def report():
    return {"rows": [[hour, hour * 37 % 91] for hour in range(240)]}
