"""A headless Chromium, spoken to over its DevTools protocol."""

import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import websocket

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Page:
    """One tab: what it requested from the network, what it complained of, what its scripts say."""

    def __init__(self, address):
        self._socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self._numbers = itertools.count(1)
        self._loaded = False
        self._requested = {}
        self.complaints = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    @property
    def requests(self):
        """Addresses requested, without those that the page's own policy stopped."""
        return list(self._requested.values())

    def send(self, method, **parameters):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, message):
        about = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self._requested[about["requestId"]] = about["request"]["url"]
            case "Network.loadingFailed" if about.get("blockedReason") == "csp":
                del self._requested[about["requestId"]]
            case "Log.entryAdded":
                self.complaints.append(about["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(about))
            case "Page.loadEventFired":
                self._loaded = True

    def open(self, path, width):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)
        self._requested.clear()
        self.complaints.clear()
        self._loaded = False
        self.send("Page.navigate", url=path.as_uri())
        while not self._loaded:
            self._note(json.loads(self._socket.recv()))
        # Two frames later everything that loading set off has been reported.
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def ask(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")


@contextmanager
def chromium(home):
    process = subprocess.Popen(
        [CHROMIUM, *QUIET, f"--user-data-dir={home}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)},  # its crash reports
    )
    try:
        port = home / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port.is_file() and port.read_text().count("\n")):
            assert process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < deadline, "Chromium did not start within a minute"
            time.sleep(0.05)
        number, path = port.read_text().split()
        whole = websocket.create_connection(f"ws://127.0.0.1:{number}{path}", suppress_origin=True)
        whole.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
        answer = {}
        while answer.get("id") != 1:
            answer = json.loads(whole.recv())
        yield Page(f"ws://127.0.0.1:{number}/devtools/page/{answer['result']['targetId']}")
    finally:
        process.terminate()
        process.wait(timeout=30)
