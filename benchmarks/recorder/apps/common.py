"""The parts that all recorded services share: the gauge of open requests, the store, the model."""

import mmap
import os
import struct
import time
import urllib.request

STORE_URL = os.environ["STORE_URL"]
FETCH_TIMEOUT_S = float(os.environ.get("FETCH_TIMEOUT_S", "120"))


def load_model():
    """Stands for reading the weights of a model, which takes longer after a deployment."""
    time.sleep(float(os.environ.get("MODEL_LOAD_S", "0")))


load_model()


class OpenRequests:
    """Counts open requests into a file per process that the recorder reads."""

    def __init__(self, app):
        self.app = app
        path = os.path.join(os.environ["GAUGES"], str(os.getpid()))
        with open(path, "wb") as file:
            file.write(bytes(8))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.open = 0

    def count(self, change):
        self.open += change
        struct.pack_into("<q", self.map, 0, self.open)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.count(1)
        try:
            await self.app(scope, receive, send)
        finally:
            self.count(-1)


def fetch_clip(name):
    """Download a clip; blocks until the store answers."""
    with urllib.request.urlopen(f"{STORE_URL}/{name}", timeout=FETCH_TIMEOUT_S) as answer:
        return answer.read()
