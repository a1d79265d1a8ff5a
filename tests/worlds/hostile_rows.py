# ruff: noqa: E501 - values stand in rows
"""Good rows of every shape of evidence, and rows that nobody would write, to be put among them.

A :class:`Shape` is a file as a list of pieces that are rows of their own: lines, or members of a JSON list or
object. Its good pieces make known rows. What one hostile piece among them costs follows from reading both.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

ISO = "2025-12-11T01:00:00Z"
DIGITS = "@@digits@@"
DEEP = "@@deep@@"
# What JSON can't be written from: numbers of any length, and nesting.
LITERALS = {
    DIGITS: "9" * 5000,
    DEEP: "[" * 3000 + "]" * 3000,
    "@@inf@@": "1e999",
    "@@nan@@": "NaN",
    "@@half@@": '"dev\\ud83d"',
    "@@control@@": '"a\x00b\x1b[31mc"',
}
TEXTS = (
    "", " ", "-", "null", "NaN", "9" * 400, "9" * 5000, "1e999", "-1", "\u0663", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2025-12-11T01:00:00+99:99", "2025-13-45", "<script>alert(1)</script>",
    "\u202egnp.exe", "\x1b]0;title\x07\x1b[2J", "a\x00b", "\u2028\u2029\x0b\x0c\x85", "=cmd|' /C calc'!A0", "${jndi:ldap://x}",
    "%s%n%(a)s{0}{a}", "../../../etc/passwd", "'; drop table requests; --", "x" * 20_000, '{"device_id": "dev\\ud83d"}',
    '{"device_id": "d", "a": ' + "[" * 990 + "]" * 990 + "}", "[" * 5000, "http://[::1", "arn:aws:sqs", "arn:::::::::",
    "START RequestId: ", "REPORT RequestId: x\tDuration: 9e999 ms", "\u00b2", "\U0001f600" * 50, "\ufeff", "\\", "\\u", '"',
)  # fmt: skip
MARKS = (b'"', b"'", b"{", b"}", b"[", b",", b";", b"\\", b"\t", b"")
VALUES = (
    *TEXTS,
    *LITERALS,
    None,
    True,
    False,
    -1,
    0,
    10**400,
    -(10**30),
    1.5e308,
    [],
    {},
    [[]],
    [None, 3],
    {"a": [1]},
)


def as_json(value) -> str:
    """Return JSON with literals that no encoder would write."""
    text = json.dumps(value)
    for name, literal in LITERALS.items():
        text = text.replace(f'"{name}"', literal)
    return text


def places(value, path=()):
    """Yield the path of every value inside a JSON value, itself included."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def with_value(value, path, other):
    """Return a copy of a JSON value with another value at a path."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_value(value[path[0]], path[1:], other)
    return copy


def hostile_documents(document, count):
    """Yield the bytes of a JSON document with one hostile value each, the same ones every time."""
    chance = random.Random(count)
    everywhere = [(path, value) for path in places(document) for value in VALUES]
    for path, value in chance.sample(everywhere, count):
        yield as_json(with_value(document, path, value)).encode("utf-8", errors="surrogatepass")


@dataclass(frozen=True)
class Shape:
    """A kind of evidence.

    Attributes
    ----------
    source
        Name of the reader.
    file
        Path of a file of this kind.
    table, column
        Where a good piece is recognised.
    good
        Returns a good piece by its number: bytes of a line, or a JSON value.
    known
        Returns what the column holds for that piece; by default, any value.
    head, between, tail
        What stands before, between and behind the pieces.
    keyed
        True if pieces are members of an object: pairs of key and value.
    is_one_text
        True if pieces depend on each other, as directives within braces do: losing good ones is no fault
        if it is reported.
    """

    source: str
    file: str
    table: str
    column: str
    good: Callable
    known: Callable
    head: bytes = b""
    between: bytes = b"\n"
    tail: bytes = b"\n"
    is_json: bool = False
    keyed: bool = False
    is_one_text: bool = False

    def piece(self, value) -> bytes:
        if not self.is_json:
            return value
        if self.keyed:
            key, inner = value
            return f"{json.dumps(key)}: {as_json(inner)}".encode()
        return as_json(value).encode("utf-8", errors="surrogatepass")

    def document(self, pieces) -> bytes:
        return self.head + self.between.join(pieces) + self.tail


def lines(source, file, table, column, text, known, **more):
    return Shape(source, file, table, column, lambda at: text.format(at=at).encode(), known, **more)


def listed(source, file, table, column, good, known, *, key, **more):
    head, tail = (f'{{"{key}": ['.encode(), b"]}") if key else (b"[", b"]")
    return Shape(source, file, table, column, good, known, head, b",\n", tail, is_json=True, **more)


def json_lines(source, file, table, column, good, known):
    return Shape(source, file, table, column, good, known, is_json=True)


def keyed(source, file, table, column, good, known, *, head=b"{", tail=b"}"):
    return Shape(source, file, table, column, good, known, head, b",\n", tail, is_json=True, keyed=True)


def message(at):
    attributes = {"SentTimestamp": "1765411200000", "ApproximateReceiveCount": "5"}
    return {"MessageId": f"m{at}", "Body": json.dumps({"device_id": f"d{at}"}), "Attributes": attributes}


def event(at):
    detail = json.dumps({"requestParameters": {"queueUrl": "q"}, "userIdentity": {"userName": "u"}})
    return {"EventId": f"e{at}", "EventName": "PurgeQueue", "EventTime": ISO, "CloudTrailEvent": detail,
            "Resources": [{"ResourceType": "t", "ResourceName": "n"}]}  # fmt: skip


def alarm(at):
    return {"AlarmName": f"a{at}", "MetricName": "m", "Namespace": "n", "Threshold": 1.0, "Period": 60,
            "Dimensions": [{"Name": "QueueName", "Value": "q"}], "StateUpdatedTimestamp": ISO}  # fmt: skip


def history(at):
    return {"AlarmName": f"a{at}", "Timestamp": f"2025-12-11T01:{at:02}:00Z", "HistoryItemType": "StateUpdate",
            "HistoryData": json.dumps({"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM"}})}  # fmt: skip


def mapping(at):
    arn = "arn:aws:sqs:ap-northeast-1:123456789012:q"
    return {"UUID": f"u{at}", "BatchSize": 1, "EventSourceArn": arn, "State": "Enabled",
            "FilterCriteria": {"Filters": [{"Pattern": "{}"}]}, "ScalingConfig": {"MaximumConcurrency": 2}}  # fmt: skip


def series(at):
    return {"Id": f"m{at}", "Label": f"q{at} NumberOfMessagesSent", "Timestamps": [ISO], "Values": [at + 0.5]}


def edge(at):
    return {"RayID": f"r{at}", "ClientIP": "192.0.2.7", "EdgeStartTimestamp": ISO, "EdgeResponseStatus": 200}


def logged(at):
    return {"time": ISO, "level": "INFO", "message": f"line {at}", "logger": "a", "pid": 1, "more": {"a": 1}}


def cells(at):
    row = {"@timestamp": "2025-12-11 01:00:00.000", "@message": f"[ERROR] line {at}", "@ptr": f"p{at}"}
    return [{"field": name, "value": value} for name, value in row.items()]


def filtered(at):
    return {"logStreamName": "2025/12/11/[$LATEST]1f", "timestamp": 1765415430000 + at, "message": f"line {at}",
            "ingestionTime": 1765415431000, "eventId": f"p{at}"}  # fmt: skip


def console(at):
    return {"@timestamp": "2025-12-11 01:10:30.123", "@message": f"line {at}", "@ptr": f"p{at}"}


def statistic(at):
    return {"Timestamp": f"2025-12-11T01:{at:02}:00+00:00", "Sum": at + 0.5, "Unit": "Count"}


def requested(at):
    return {"Id": f"e{at}", "Expression": "m1 / m2", "Period": 60,
            "MetricStat": {"Metric": {"MetricName": "m", "Dimensions": [{"Name": "a", "Value": "b"}]}, "Stat": "Sum"}}  # fmt: skip


def query(at):
    return {"logGroupName": "/aws/lambda/orders", "startTime": 1765411200, "endTime": 1765414800,
            "queryString": f"fields @message | limit {at + 1}", "output": f"a{at}.json"}  # fmt: skip


def kubernetes_event(at):
    return {"kind": "Event", "reason": "BackOff", "message": "Back-off restarting failed container", "count": 2,
            "lastTimestamp": ISO, "involvedObject": {"kind": "Pod", "name": f"p{at}"}}  # fmt: skip


def inspected(at):
    return {"Name": f"/c{at}", "State": {"OOMKilled": True, "ExitCode": 137, "FinishedAt": ISO, "Health": {"Log": []}},
            "Config": {"Labels": {}}, "HostConfig": {"Memory": 1}, "NetworkSettings": {"Networks": {}}}  # fmt: skip


def summarised(at):
    return {"Id": f"t{at}", "Duration": 0.5, "HasFault": False}


def target(at):
    return {"Target": {"Id": f"t{at}"}, "TargetHealth": {"State": "unhealthy", "Reason": "Target.Timeout"}}


def text(prefix):
    return lambda at: f"{prefix}{at}"


REQUEST = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /g{at} HTTP/1.1" 200 12 "-" "curl"'
TIMED = '{{"time":"2025-12-11T10:10:30+09:00","status":200,"request_method":"GET","request_uri":"/g{at}","request_time":0.1}}'
SHAPES = (
    lines("edge_access", "edge-access.log", "edge_log", "path", REQUEST, text("/g")),
    lines("nginx_access", "access.log", "access_log", "path", REQUEST, text("/g")),
    lines("nginx_access", "access.log", "access_log", "path", TIMED, text("/g")),
    lines("nginx_access", "access.log", "access_log", "path",
          "time:11/Dec/2025:10:10:30 +0900\thost:192.0.2.7\treq:GET /g{at} HTTP/1.1\tstatus:200\treqtime:0.2", text("/g")),
    lines("nginx_error", "error.log", "error_log", "path",
          "2025/12/11 01:10:30 [error] 31#31: *7 upstream timed out (110: Connection timed out) while reading response "
          'header from upstream, client: 192.0.2.7, server: a, request: "GET /g{at} HTTP/1.1", upstream: '
          '"http://192.0.2.20:8017/h", host: "a"', text("/g")),
    json_lines("edge_requests", "edge.jsonl", "edge_log", "ray_id", edge, text("r")),
    lines("probes", "probes.csv", "probes", "path", "1765415400.25,outside,/g{at},,5.0,timeout", text("/g"),
          head=b"timestamp,vantage,path,status,seconds,error\n"),
    lines("app_log", "app.log", "app_log", "message", "2025-12-11 01:10:30,471 INFO [17] service: line {at}", text("line ")),
    json_lines("app_log", "app.log", "app_log", "message", logged, text("line ")),
    lines("uvicorn_log", "service.txt", "app_log", "path",
          '2025-12-11T01:10:30.123456789Z INFO:     192.0.2.7:48 - "GET /g{at} HTTP/1.1" 200 OK', text("/g")),
    lines("known_lines", "host.txt", "app_log", "message",
          "Dec 11 01:10:30 host kernel: Out of memory: Killed process {at} (python)",
          lambda at: f"Out of memory: Killed process {at} (python)"),
    lines("server_log", "served.txt", "app_log", "path",
          '192.0.2.7 - - [11/Dec/2025 10:10:30] "GET /g{at} HTTP/1.1" 200 -', text("/g")),
    lines("flow_log", "flows.txt", "network_flows", "source_port",
          "2 123456789012 eni-1235b8ca 192.0.2.7 192.0.2.20 {at} 8000 6 20 4249 1765415430 1765415490 ACCEPT OK", int),
    listed("xray", "traces.json", "trace_segments", "trace_id", summarised, text("t"), key="TraceSummaries"),
    lines("host_metrics", "metrics.csv", "host_metrics", "value", "17654154{at:02},{at}", float,
          head=b"timestamp,cpu_pct\n"),
    lines("nginx_config", "nginx.conf", "config_directives", "args", "  add_header g {at};",
          lambda at: json.dumps(["g", str(at)], separators=(", ", ": ")), head=b"events {}\nhttp {\n", tail=b"\n}\n", is_one_text=True),
    lines("nginx_config_part", "api.conf", "config_directives", "args", "  add_header g {at};",
          lambda at: json.dumps(["g", str(at)]), head=b"server {\n  listen 80;\n", tail=b"\n}\n", is_one_text=True),
    keyed("edge_settings", "edge-settings.json", "edge_settings", "path", lambda at: (f"k{at}", at), text("k"),
          head=b'{"rules": [{"action": "bypass", "paths": []}], '),
    lines("app_process", "uvicorn_command.txt", "app_processes", "app", "uvicorn main{at}:app --port 80{at:02}",
          lambda at: f"main{at}:app"),
    lines("uwsgi_settings", "uwsgi.ini", "app_processes", "workers", "[uwsgi]\nprocesses = {at}", int),
    lines("php_fpm_pool", "php-fpm.conf", "app_processes", "workers", "[pool{at}]\npm.max_children = {at}", int),
    lines("dockerfile", "Dockerfile", "app_processes", "app", "COPY g{at} ./", lambda at: "main:app",
          head=b"FROM python:3.11\n", tail=b'\nCMD ["uvicorn", "main:app", "--port", "8017"]\n', is_one_text=True),
    lines("compose", "compose.yml", "compose_settings", "path", "    x{at}: 1", text("x"),
          head=b"services:\n  api:\n    mem_limit: 2g\n", is_one_text=True),
    lines("compose_command", "up.sh", "compose_settings", "value", "docker compose -f c{at}.yml up -d",
          lambda at: f'"c{at}.yml"'),
    lines("docker_events", "docker-events.txt", "container_events", "object",
          "2025-12-11T01:10:30.123456789Z container die 3f1c (exitCode=1, name=c{at})", text("c")),
    lines("docker_ps", "docker-ps.txt", "container_events", "object",
          '3f1c0a2b4d5e   api:1   "serve"   2 hours ago   Exited (1) 2 hours ago            c{at}', text("c"),
          head=b"CONTAINER ID   IMAGE   COMMAND   CREATED       STATUS                   PORTS   NAMES\n"),
    listed("docker_inspect", "docker-inspect.json", "container_events", "object", inspected, text("c"), key=""),
    listed("ecs", "target-health.json", "container_events", "object", target, text("t"), key="TargetHealthDescriptions"),
    Shape("kubernetes", "kubectl-events.json", "container_events", "object", kubernetes_event, text("p"),
          b'{"apiVersion": "v1", "kind": "List", "items": [', b",\n", b"]}", is_json=True),
    lines("kubernetes_table", "kubectl-events.txt", "container_events", "object",
          "2m15s       Warning   BackOff   pod/p{at}   Back-off restarting failed container", text("p"),
          head=b"LAST SEEN   TYPE      REASON    OBJECT   MESSAGE\n"),
    lines("kubernetes_description", "kubectl-describe.txt", "container_events", "reason",
          "  Warning  BackOff  2m   kubelet  line {at}", text("BackOff: line "), is_one_text=True,
          head=b"Name:   api-0\nEvents:\n  Type     Reason   Age  From     Message\n"),
    lines("app_source", "app.py", "app_handlers", "path", '@app.get("/g{at}")\ndef g{at}(): ...', text("/g"),
          head=b"from fastapi import FastAPI\napp = FastAPI()\n", is_one_text=True),
    listed("cloudwatch_metrics", "metrics/a.json", "metrics", "value", series, lambda at: at + 0.5, key="MetricDataResults"),
    listed("cloudwatch_metric_queries", "metrics/metric-data-queries.json", "metric_queries", "id", requested, text("e"), key=""),
    Shape("cloudwatch_metric_statistics", "metrics/b.json", "metrics", "value", statistic, lambda at: at + 0.5,
          b'{"Label": "Errors", "Datapoints": [', b",\n", b"]}", is_json=True),
    lines("cloudwatch_metric_csv", "metrics/c.csv", "metrics", "value", '"2025/12/11 01:{at:02}:00","{at}.5"',
          lambda at: at + 0.5, head=b'"Full label","orders-worker Errors"\n"Label","Errors"\n'),
    listed("cloudwatch_log_queries", "logs/queries.json", "log_queries", "query", query, lambda at: f"fields @message | limit {at + 1}", key=""),
    listed("cloudwatch_logs", "logs/f.json", "log_events", "ptr", cells, text("p"), key="results"),
    listed("cloudwatch_log_events", "logs/g.json", "log_events", "ptr", filtered, text("p"), key="events"),
    listed("cloudwatch_log_events", "logs/h.json", "log_events", "ptr", console, text("p"), key=""),
    lines("cloudwatch_log_events", "logs/i.csv", "log_events", "message", '2025-12-11 01:10:30.123,"line {at}"', text("line "),
          head=b"@timestamp,@message\n"),
    lines("cloudwatch_log_events", "logs/j.txt", "log_events", "message", "2025-12-11T01:10:30.123000+00:00 line {at}",
          text("line "), head=b"2025-12-11T01:10:30.123Z END RequestId: 1f2e3d4c-5b6a-7988-96a5-b4c3d2e1f001\n"),
    listed("sqs_messages", "queues/q-messages.json", "queue_messages", "message_id", message, text("m"), key="Messages"),
    keyed("sqs_queue", "queues/q.json", "queues", "visibility_timeout_s", lambda at: (f"k{at}", "1"), lambda at: 300,
          head=b'{"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:q", "VisibilityTimeout": "300", ', tail=b"}}"),
    listed("lambda_mappings", "functions/f-mappings.json", "event_source_mappings", "uuid", mapping, text("u"),
           key="EventSourceMappings"),
    keyed("lambda_concurrency", "functions/f-concurrency.json", "functions", "reserved_concurrency",
          lambda at: (f"k{at}", 1), lambda at: 2, head=b'{"ReservedConcurrentExecutions": 2, '),
    keyed("lambda_function", "functions/f.json", "functions", "timeout_s", lambda at: (f"k{at}", 1), lambda at: 60,
          head=b'{"FunctionName": "f", "Handler": "a.b", "Timeout": 60, '),
    listed("alarms", "alarms.json", "alarms", "alarm", alarm, text("a"), key="MetricAlarms"),
    listed("alarm_history", "alarm-history.json", "alarm_history", "alarm", history, text("a"), key="AlarmHistoryItems"),
    listed("cloudtrail", "cloudtrail.json", "changes", "event_id", event, text("e"), key="Events"),
)  # fmt: skip


def hostile_value(chance, shape):
    """Return a JSON value, or a member, that differs from a good one in one place or altogether."""
    if shape.keyed:
        return chance.choice(["k99", "a", *TEXTS]), chance.choice(VALUES)
    if chance.random() < 0.15:
        return chance.choice(VALUES)
    good = shape.good(99)
    return with_value(good, chance.choice(list(places(good))), chance.choice(VALUES))


def hostile_line(chance, good):
    """Return bytes without a line end: any text, noise, or a good line with damage."""
    kind = chance.random()
    if kind < 0.25:
        return _in_a_line(chance.choice(TEXTS).encode())
    if kind < 0.35:
        return _in_a_line(chance.randbytes(chance.randrange(40)))
    line = bytearray(good)
    for _ in range(chance.choice([1, 1, 2, 3])):
        at = chance.randrange(len(line) + 1)
        text = chance.choice([chance.choice(TEXTS).encode(), chance.randbytes(3), *MARKS])
        line[at : at + chance.choice([0, 0, 1, 3, 20])] = _in_a_line(text)
    return bytes(line)


def _in_a_line(data):
    return data.replace(b"\n", b"")


def hostile_piece(chance, shape):
    """Return the text of a piece that nobody would write, by a source of chance."""
    if shape.is_json and (shape.between != b"\n" or chance.random() < 0.6):
        return shape.piece(hostile_value(chance, shape))
    return hostile_line(chance, shape.piece(shape.good(99)))
