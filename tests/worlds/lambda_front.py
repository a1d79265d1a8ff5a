"""Lambda as far as deployments need it: code, versions, aliases, and invocations that really run the zip.

A function's code runs in a Python of its own without installed packages, as in a runtime without layers.
The process is kept for the next invocation of the same code. What a handler raises becomes FunctionError
with HTTP status 200, and each invocation leaves START, REPORT and error lines, as Lambda does. Used by
`aws_front` for functions made with :meth:`Lambdas.create`.
"""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile

_ROUTE = re.compile(r"/\d{4}-\d\d-\d\d/functions/(?P<name>[^/?]+)(?P<rest>/[^?]*)?(\?(?P<query>.*))?$")
_USAGE = "Duration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t"
# A warm execution environment: imports the handler once, then takes an event per line.
_RUN = """
import contextlib, importlib, io, json, sys
sys.path.insert(0, sys.argv[1])
module, name = sys.argv[2].rsplit(".", 1)
answers, said = sys.stdout, io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    try:
        handler, broken = getattr(importlib.import_module(module.replace("/", ".")), name), None
    except ImportError as error:
        text = f"Unable to import module '{module}': {error}"
        broken = {"error": "Runtime.ImportModuleError", "text": text}
    for line in sys.stdin:
        try:
            found = broken or {"result": handler(json.loads(line), None)}
        except Exception as error:
            found = {"error": type(error).__name__, "text": str(error)}
        print(json.dumps({**found, "log": said.getvalue()}), file=answers, flush=True)
        said.seek(0)
        said.truncate()
"""


class _Environment:
    """A process that has unpacked a zip and runs its handler, as Lambda keeps one between invocations."""

    def __init__(self, code, handler):
        self.lock = threading.Lock()
        self.folder = tempfile.TemporaryDirectory()
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(self.folder.name)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _RUN, self.folder.name, handler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder.name,
        )

    def run(self, event):
        """Return the result or error of an invocation, and what it printed."""
        with self.lock:
            print(json.dumps(event), file=self.process.stdin, flush=True)
            found = json.loads(self.process.stdout.readline())
        return found, found.pop("log").splitlines()

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()


class LambdaRefusalError(Exception):
    """An error that Lambda answers with."""

    def __init__(self, code, text, status):
        super().__init__(text)
        self.code, self.status = code, status


def zipped(**files):
    """Return a zip of modules: name without ``.py``, and source."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            # A fixed time, so that the same source has the same hash.
            archive.writestr(zipfile.ZipInfo(f"{name}.py"), text)
    return made.getvalue()


def code_hash(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _matches(pattern, text):
    """Return whether a line of JSON fulfils a filter pattern such as ``{ $.a = "x" && $.b.c != "y" }``."""
    try:
        line = json.loads(text)
    except ValueError:
        return False

    def compared(found):
        value = line
        for name in found[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        # A property that is missing is neither equal nor different.
        return str(value is not None and (value == found[3]) == (found[2] == "="))

    words = re.sub(r'\$\.([\w.]+) (!?=) "([^"]*)"', compared, pattern.strip("{} "))
    assert re.fullmatch(r"(True|False|\|\||&&|[() ])*", words), pattern
    return eval(words.replace("||", "or").replace("&&", "and"))


class Lambdas:
    """Functions by name; ``log`` holds (milliseconds, group, text) of every line that they left."""

    def __init__(self, clock):
        self.clock, self.functions = clock, {}
        self.log = []
        self.log_format = "Text"
        self.times_out = False
        self.pending = 0  # readings of the configuration that still show an update in progress
        self.invocations = []
        self.address = ""
        self.environments = {}  # by hash of the code, and handler
        self.starting = threading.Lock()

    def close(self):
        """End the processes of all execution environments."""
        for environment in self.environments.values():
            environment.close()

    def create(self, name, code, handler="lambda_function.lambda_handler", runtime="python3.12"):
        self.functions[name] = {
            "code": code,
            "handler": handler,
            "runtime": runtime,
            "versions": {},
            "aliases": {},
            "weights": {},  # of further versions, by alias
            "updating": 0,
        }

    def answer(self, method, path, target, body):
        """Return status, headers and value of a request; None if it concerns none of these functions."""
        if target == "Logs_20140328.FilterLogEvents":
            requested = json.loads(body)
            is_known = requested["logGroupName"].removeprefix("/aws/lambda/") in self.functions
            return (200, {}, self.filter_log_events(requested)) if is_known else None
        if path.startswith("/code/"):
            return 200, {}, self.functions[path.removeprefix("/code/")]["code"]
        found = _ROUTE.match(path)
        if found is None or found["name"] not in self.functions:
            return None
        return self.serve(method, found["name"], found, body)

    def serve(self, method, name, found, body):
        rest = (found["rest"] or "").strip("/")
        query = dict(part.split("=", 1) for part in (found["query"] or "").split("&") if part)
        if rest == "invocations":
            return self.invoke(name, query.get("Qualifier", "$LATEST").replace("%24", "$"), body)
        requested = json.loads(body) if body else {}
        if rest.startswith("aliases/"):
            return self.alias(name, rest.partition("/")[2], method, requested)
        simple = {
            ("GET", ""): lambda: {
                "Configuration": self.configuration(name),
                "Code": {"Location": f"{self.address}/code/{name}"},
            },
            ("GET", "configuration"): lambda: self.configuration(name),
            ("GET", "concurrency"): dict,
            ("PUT", "code"): lambda: self.update(name, base64.b64decode(requested["ZipFile"])),
            ("POST", "versions"): lambda: self.publish(name, requested.get("CodeSha256")),
        }
        return 200, {}, simple[method, rest]()

    def configuration(self, name):
        function = self.functions[name]
        status = "InProgress" if function["updating"] > 0 else "Successful"
        function["updating"] -= 1
        return {
            "FunctionName": name,
            "Handler": function["handler"],
            "Runtime": function["runtime"],
            "Architectures": ["x86_64"],
            "MemorySize": 128,
            "Timeout": 60,
            "PackageType": "Zip",
            "CodeSha256": code_hash(function["code"]),
            "LastUpdateStatus": status,
            "Version": "$LATEST",
            "LoggingConfig": {"LogFormat": self.log_format, "LogGroup": f"/aws/lambda/{name}"},
        }

    def update(self, name, code):
        self.functions[name].update(code=code, updating=self.pending)
        return self.configuration(name)

    def publish(self, name, wanted):
        function = self.functions[name]
        if wanted is not None and wanted != code_hash(function["code"]):
            raise LambdaRefusalError("PreconditionFailedException", "the code has another hash", 412)
        versions = function["versions"]
        # Lambda makes no version of code that has not changed since the last one.
        if not versions or versions[max(versions, key=int)] != function["code"]:
            versions[str(len(versions) + 1)] = function["code"]
        return {**self.configuration(name), "Version": max(versions, key=int)}

    def alias(self, name, alias, method, requested):
        aliases = self.functions[name]["aliases"]
        if alias not in aliases:
            raise LambdaRefusalError("ResourceNotFoundException", f"no alias {alias}", 404)
        if method == "PUT":
            if requested["FunctionVersion"] not in self.functions[name]["versions"]:
                raise LambdaRefusalError("ResourceNotFoundException", "no such version", 404)
            aliases[alias] = requested["FunctionVersion"]
        weights = self.functions[name]["weights"].get(alias)
        routing = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
        return 200, {}, {"Name": alias, "FunctionVersion": aliases[alias], **routing}

    def code_of(self, name, qualifier):
        function = self.functions[name]
        version = function["aliases"].get(qualifier, qualifier)
        return function["code"] if version == "$LATEST" else function["versions"][version]

    def run(self, name, event, qualifier="$LATEST", at_ms=None):
        """Return the result of an invocation, and its log lines; ``at_ms`` is its time, now when None."""
        code, handler = self.code_of(name, qualifier), self.functions[name]["handler"]
        with self.starting:
            key = code_hash(code), handler
            environment = self.environments.get(key)
            if environment is None:
                environment = self.environments[key] = _Environment(code, handler)
        found, printed = environment.run(event)
        request = str(uuid.uuid4())
        if self.times_out:
            found = {"error": "Sandbox.Timedout", "text": "Task timed out after 60.00 seconds"}
        written = self._json_lines if self.log_format == "JSON" else self._text_lines
        lines = written(request, qualifier, printed, found)
        now = round(self.clock.now * 1000) if at_ms is None else at_ms
        self.log += [(now, f"/aws/lambda/{name}", line) for line in lines]
        return found, lines

    def _text_lines(self, request, qualifier, printed, found):
        lines = [f"START RequestId: {request} Version: {qualifier}", *printed]
        if self.times_out:
            lines.append(f"2026-01-01T00:00:00.000Z {request} {found['text']}")
        elif "error" in found:
            lines.append(f"[ERROR] {found['error']}: {found['text']}")
        return [*lines, f"END RequestId: {request}", f"REPORT RequestId: {request}\t{_USAGE}"]

    def _json_lines(self, request, qualifier, printed, found):
        """Return the lines of the log format JSON; a timeout is stated by the report alone."""
        status = "timeout" if self.times_out else "error" if "error" in found else "success"
        report = {"requestId": request, "metrics": {"durationMs": 3.1}, "status": status}
        lines = [
            json.dumps({"type": "platform.start", "record": {"requestId": request, "version": qualifier}}),
            *printed,
        ]
        if status == "error":
            lines.append(
                json.dumps({"level": "ERROR", "errorType": found["error"], "errorMessage": found["text"]})
            )
        return [*lines, json.dumps({"type": "platform.report", "record": report})]

    def invoke(self, name, qualifier, body):
        event = json.loads(body)
        self.invocations.append((name, qualifier, event))
        found, lines = self.run(name, event, qualifier)
        headers = {
            "X-Amz-Executed-Version": qualifier,
            "X-Amz-Log-Result": base64.b64encode("\n".join(lines).encode()).decode(),
        }
        if "error" in found:
            headers["X-Amz-Function-Error"] = "Unhandled"
            return 200, headers, {"errorType": found["error"], "errorMessage": found["text"]}
        return 200, headers, found["result"]

    def filter_log_events(self, requested):
        """Return the events of a group; a pattern is quoted texts, any of which suffices, or over JSON."""
        pattern = requested.get("filterPattern", "")
        words = [] if pattern.startswith("{") else re.findall(r'\??"([^"]*)"', pattern)
        events = [
            {"timestamp": at, "message": text, "eventId": str(number), "logStreamName": "s"}
            for number, (at, group, text) in enumerate(self.log)
            if group == requested["logGroupName"]
            and at >= requested.get("startTime", 0)
            and (not words or any(word in text for word in words))
            and (not pattern.startswith("{") or _matches(pattern, text))
        ]
        return {"events": events, "searchedLogStreams": []}
