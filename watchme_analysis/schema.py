"""The data dictionary: every table of a case with its columns, their units and the meaning of null.

The data dictionary outranks the code: a source that yields another column is wrong. Column kinds are

========== ============================== =========================================================
kind       pandas dtype                   meaning
========== ============================== =========================================================
``text``   ``string``                     text; null is missing, never the empty string
``int``    ``Int64``                      whole number; null is missing, never zero
``float``  ``Float64``                    number; null is missing, never zero
``time``   ``datetime64[us, UTC]``        moment in UTC; NaT is missing
``bool``   ``boolean``                    true, false or null for unknown
``json``   ``string``                     a JSON value with sorted keys, as text
========== ============================== =========================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import eq
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

# Of a case's folder: the tables as they are here, and the manifest beside them.
FORMAT_VERSION = 1

Kind = Literal["text", "int", "float", "time", "bool", "json"]

DTYPES: dict[str, str] = {
    "text": "string",
    "int": "Int64",
    "float": "Float64",
    "time": "datetime64[us, UTC]",
    "bool": "boolean",
    "json": "string",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name (its unit in the name), kind, meaning, and what null says."""

    name: str
    kind: Kind
    meaning: str
    null: str = "not recorded"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: name, one sentence about a row, its columns, and the column that orders it in time."""

    name: str
    row: str
    columns: tuple[Column, ...]
    time: str | None = None

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]


def _columns(text: str) -> tuple[Column, ...]:
    """Read ``name | kind | meaning | null`` lines."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        parts = [part.strip() for part in line.split("|")]
        found.append(Column(parts[0], parts[1], *parts[2:]))  # type: ignore[arg-type]
    return tuple(found)


_WHERE = """
file | text | file that the row came from, relative to the imported folder
line | int | line number in that file, from 1 | the file has no lines (JSON)
"""

_TABLES = (
    Table(
        "access_log",
        "One request as an HTTP proxy logged it when it ended.",
        _columns(
            _WHERE
            + """
service | text | suffix of the file name, such as `billing` in access-billing.log | none
time | time | end of the request as logged ($msec, else $time_iso8601, else $time_local)
request_id | text | $request_id
edge_ray_id | text | ray or request id handed down by the edge, whole as logged
client_addr | text | address of the client as logged
remote_user | text | $remote_user
method | text | request method | the request line was empty or garbage
path | text | path of the request target, without the query | as for method
query | text | query string without the question mark | no query
protocol | text | such as HTTP/1.1 | as for method
request | text | raw request line where it could not be split | it was split
status | int | status sent to the client
body_bytes | int | $body_bytes_sent, else $bytes_sent
request_length_bytes | int | $request_length
request_time_s | float | from the first byte of the client to the last byte sent
upstream_connect_time_s | float | sum over the tries of time to connect | no upstream, or not connected
upstream_header_time_s | float | sum over the tries of time to the response header | no header came
upstream_response_time_s | float | sum over the tries of time to the response's end | no upstream
upstream_addr | text | address of the last upstream tried | no upstream
upstream_status | int | status of the last upstream tried | no upstream
upstream_tries | int | upstreams tried | no upstream variable in the format
upstream_raw | json | the upstream variables as logged, where there was more than one try | one try or none
cache_status | text | $upstream_cache_status
host | text | $host or $http_host
referer | text | $http_referer
user_agent | text | $http_user_agent
extra | json | variables of the format that have no column here | none
"""
        ),
        "time",
    ),
    Table(
        "error_log",
        "One line of an Nginx error log.",
        _columns(
            _WHERE
            + """
service | text | suffix of the file name | none
time | time | when it was logged (whole seconds) | the line states none
level | text | debug .. emerg
pid | int | process
connection | int | connection number after `*` | not about a connection
kind | text | upstream_timeout_connect, upstream_timeout_header, upstream_timeout_body, upstream_timeout_send, upstream_queue_full, upstream_refused, upstream_reset, upstream_closed, upstream_invalid, upstream_unreachable, upstream_disabled, no_live_upstream, limit_conn, limit_req, buffering_to_disk, disk_full, request_too_large, denied, missing_file, client_invalid, client_closed, open_files, worker_connections, worker_crash, tls, resolver, configuration, reload, startup, shutdown, other
message | text | the message without its `key: value` tail
client_addr | text | client
server | text | server name
method | text | request method
path | text | request path without the query
upstream | text | upstream URL as logged
upstream_addr | text | host:port of the upstream
host | text | Host header
"""
        ),
        "time",
    ),
    Table(
        "edge_log",
        "One HTTP request as the edge (CDN) recorded it.",
        _columns(
            _WHERE
            + """
start | time | EdgeStartTimestamp
end | time | EdgeEndTimestamp
ray_id | text | RayID
client_addr | text | ClientIP
host | text | ClientRequestHost
method | text | ClientRequestMethod
path | text | ClientRequestPath, else the path of the URI
uri | text | ClientRequestURI
user_agent | text | ClientRequestUserAgent
status | int | EdgeResponseStatus
body_bytes | int | EdgeResponseBytes
ttfb_ms | float | EdgeTimeToFirstByteMs
duration_ms | float | end minus start; of times in whole seconds ttfb_ms, where it agrees with them; null: unknown
cache_status | text | CacheCacheStatus, lower case
origin_addr | text | OriginIP | the edge contacted no origin
origin_status | int | OriginResponseStatus; 0 means no request to the origin, or no response
origin_duration_ms | float | OriginResponseDurationMs
origin_handshake_ms | float | OriginTCPHandshakeDurationMs
extra | json | other fields of the line | none
"""
        ),
        "start",
    ),
    Table(
        "probes",
        "One health probe or other request made on purpose from a known place.",
        _columns(
            _WHERE
            + """
time | time | start of the probe
vantage | text | inside (the container's own network), host (before Nginx), outside (through the edge)
path | text | path of the request
status | int | status received | no response
duration_s | float | time to the end of the response, or to the timeout
error | text | what the client said | no error
dns_s | float | name look-up
connect_s | float | TCP connect
tls_s | float | TLS handshake
ttfb_s | float | first byte
"""
        ),
        "time",
    ),
    Table(
        "app_log",
        "One record of uvicorn or the application; tracebacks are joined to their record.",
        _columns(
            _WHERE
            + """
service | text | suffix of the file name, such as `billing` in app-billing.log; empty text for app.log
time | time | when it was logged | the line has no time
level | text | upper case
pid | int | process
logger | text | such as uvicorn.error
kind | text | access, lifecycle, application, error
message | text | the message, continuation lines included
client_addr | text | access records: peer address without the port
client_port | int | access records: peer port
method | text | access records: method
path | text | access records: path without the query
status | int | access records: status
extra | json | other fields of a JSON record | none
"""
        ),
        "time",
    ),
    Table(
        "host_metrics",
        "One value of a host or process metric.",
        _columns(
            """
file | text | file that the row came from
service | text | suffix of the file name; empty text for metrics.csv
time | time | when it was sampled
metric | text | such as cpu_pct, in_flight, threads, rss_mb, open_files
value | float | the value | the sample has no value for this metric
"""
        ),
        "time",
    ),
    Table(
        "config_directives",
        "One directive of an Nginx-style configuration, includes expanded.",
        _columns(
            _WHERE
            + """
layer | text | nginx (nginx.conf) or edge (edge.conf)
id | int | number of the directive within its layer, in order
parent | int | id of the block it stands in | it stands at the top
directive | text | name
args | json | list of its arguments
block | bool | whether it opens a block
"""
        ),
    ),
    Table(
        "edge_settings",
        "One setting or rule of an export of the edge's configuration.",
        _columns(
            """
file | text | file that the row came from
path | text | dotted path inside the export, such as rules.0.action
value | json | the value
"""
        ),
    ),
    Table(
        "app_processes",
        "One way an application server is started.",
        _columns(
            _WHERE
            + """
service | text | service named by the comment or by SERVICE_NAME | not named
addr | text | address named by the comment before it | not named
command | text | the command line | a file of settings alone
server | text | program: uvicorn, gunicorn, hypercorn, granian, uwsgi or php-fpm | unknown
app | text | module:attribute
application_file | text | file of the case in which this application is defined, by the Dockerfile's COPY, the script, or its place beside the command | not found
host | text | --host
port | int | --port
workers | int | processes: --workers, `processes` of uWSGI, `pm.max_children` of PHP-FPM | not stated
threads | int | --threads: threads of each process that serve requests | not stated
worker_class | text | --worker-class of gunicorn; `async`, `gevent` and such of uWSGI | not stated
settings_file | text | file with further settings of the server | none named or found
limit_concurrency | int | --limit-concurrency | no limit
backlog | int | --backlog, `listen` of uWSGI, `listen.backlog` of PHP-FPM | uvicorn's and gunicorn's 2048
timeout_keep_alive_s | float | --timeout-keep-alive | uvicorn's 5
open_files_limit | int | ulimit -n before the command | not set there
environment | json | variables set on the command line
"""
        ),
    ),
    Table(
        "compose_settings",
        "One setting of a service in a compose file.",
        _columns(
            """
file | text | file that the row came from
service | text | service
path | text | dotted path inside the service, such as healthcheck.interval
value | json | the value
"""
        ),
    ),
    Table(
        "container_events",
        "One event of a container, pod, task or load balancer target, or one state of it.",
        _columns(
            """
file | text | file that the row came from
line | int | line number, from 1; in a JSON file the number of the row, from 1
time | time | when it happened; of an event that is counted, the last time | only an age is stated, or a state without its time
first_time | time | the first time of an event that is counted | as for time, or it happened once
platform | text | kubernetes, ecs, docker, alb, ec2
object | text | name of the pod, container, task or target
service | text | name of the workload, service or target group, also where the object's name tells it | not known
address | text | IP address of the object, with its port where stated
kind | text | started, stopped, killed_for_memory, restarted, crash_loop, image_error, start_failed, scheduling_failed, evicted, probe_refused, probe_timed_out, probe_failed, unhealthy, healthy, other
probe | text | liveness, readiness, startup, container (health check of the container), lb (load balancer) | not about a probe
path | text | path that the probe asked for
reason | text | reason and message in the platform's words, secrets masked
exit_code | int | exit code of the process | it did not end
count | int | how often it happened
"""
        ),
        "time",
    ),
    Table(
        "consumers",
        "What may receive from queues and is no Lambda function, as it was described once.",
        _columns(
            """
file | text | file that the row came from
platform | text | ecs, ec2, kubernetes
kind | text | service and definition (of ECS tasks), group (Auto Scaling), deployment
name | text | name; of a definition its family
cluster | text | cluster of a service; namespace of a deployment | not stated
definition | text | task definition as FAMILY:REVISION | not of ECS
desired | int | tasks, instances or replicas that are wanted | a definition
running | int | those that run, are in service or are ready | a definition
changed_at | time | creation of the primary deployment | not stated
queues | json | names of queues in environment variables, for a group in tags | none
log_group | text | log group of the first container that has one | none
"""
        ),
    ),
    Table(
        "container_settings",
        "One health check of a container or target group, or the limits of a container.",
        _columns(
            """
file | text | file that the row came from
platform | text | as in container_events
object | text | as in container_events
service | text | as in container_events
address | text | as in container_events
container | text | name of the container within its pod or task | the object is the container
probe | text | as in container_events | the row states limits
path | text | path that the probe asks for | it runs a command or opens a connection
port | text | port that it asks, by number or name
period_s | float | time between probes
timeout_s | float | time after which a probe fails
failure_threshold | int | failures in a row until something is done
start_delay_s | float | time from the start in which probes are not made or do not count
memory_bytes | int | memory limit | no limit
cpus | float | CPU limit | no limit
"""
        ),
    ),
    Table(
        "app_handlers",
        "One HTTP handler found in an application's source; null in columns of its code if that is not analysed.",
        _columns(
            _WHERE
            + """
function | text | name of the handler; of code that is not analysed, as written | a function without a name
method | text | HTTP method, upper case; ANY if the source does not restrict it
path | text | route, with router and include prefixes joined
framework | text | fastapi (also for Starlette), flask, django or express
is_async | bool | `async def` | not analysed
runs_on | text | event_loop, thread_pool or worker (a process or thread of the server, until it responds) | unknown
response_status | int | declared status code | the default
background_tasks | json | names of functions given to background tasks, started as asyncio tasks or put into an own thread pool
application_file | text | file of the application that serves the route, directly or through routers | no application found
unknown_calls | json | names of calls on the event loop, for this handler and its application's middleware, of which it is unknown whether they block | not analysed
unknown_in_threads | json | the same of calls in threads and workers for which its response waits | not analysed
"""
        ),
    ),
    Table(
        "app_calls",
        "One call in an application's source that can block, wait or use up something shared.",
        _columns(
            _WHERE
            + """
function | text | function that contains the call
call | text | dotted name of what is called
kind | text | blocking_io, blocking_sleep, cpu, blocking_file, lock, thread_pool, process_pool, unbounded_task, async_wait, or limit: sets how much may run or be connected at once
timeout_s | float | literal timeout given | none given or not literal
reached_from | text | method and path of a handler, `middleware NAME` or `startup NAME`, from which it is reached | not reached
application_file | text | file of the application of that handler, as in app_handlers | not reached, or no application found
is_certain | bool | false if the called object may be another one, as after a factory with several returns
context | text | event_loop, thread_pool, worker, background_event_loop, background_thread_pool, process_pool, unknown: where it runs
chain | json | names of functions from the handler to the call
at_once | int | how much a limit allows at once | no limit, or its size is not in the source
variable | text | environment variable that may set the limit | none known
"""
        ),
    ),
    Table(
        "metrics",
        "One point of a CloudWatch metric; the interval begins at `time` and lasts `period_s`.",
        _columns(
            """
file | text | file that the row came from
id | text | id of the query
label | text | label as returned
namespace | text | such as AWS/SQS | a metric math expression
metric | text | such as NumberOfMessagesSent | a metric math expression
dimensions | json | dimension names to values
resource | text | value of the QueueName, FunctionName, InstanceId or LoadBalancer dimension | none of them
stat | text | Sum, Average, Maximum, Minimum, SampleCount, p99, ..
period_s | int | period
expression | text | metric math | a plain metric
time | time | start of the interval
value | float | the value
status | text | StatusCode of the series: Complete, PartialData, InternalError, Forbidden
completeness | text | value, zero, or not_settled: queried so early that it may still change; a missing point has no row here (metric_queries.missing counts them, sources.metric_intervals.completeness lists them)
"""
        ),
        "time",
    ),
    Table(
        "metric_queries",
        "One CloudWatch series that was queried, with or without points.",
        _columns(
            """
file | text | file of the response | no response
id | text | id of the query
label | text | label as returned
namespace | text | namespace | a metric math expression
metric | text | metric | a metric math expression
dimensions | json | dimension names to values
resource | text | as in metrics
stat | text | statistic
period_s | int | period
expression | text | metric math | a plain metric
points | int | points returned
missing | int | settled intervals of the queried window without a point | the queried window is not known
start | time | start of the queried window | not known
end | time | end of the queried window | not known
asked_at | time | when it was queried | not known
status | text | StatusCode | no response
"""
        ),
    ),
    Table(
        "log_queries",
        "One CloudWatch Logs Insights query and how completely it was answered.",
        _columns(
            """
file | text | file of the response | no response
query_name | text | name of the output file without its ending
log_group | text | log group
function | text | function whose log group it is (/aws/lambda/NAME) | another log group
query | text | the query
start | time | start of the queried window
end | time | end of the queried window
rows | int | rows returned
limit | int | limit in force: in the query, else the API's default
records_matched | float | statistics.recordsMatched
records_scanned | float | statistics.recordsScanned
bytes_scanned | float | statistics.bytesScanned
cost_usd | float | price of that: as stated when it was pulled, else the list price in us-east-1
cached_at | time | when the part was queried that a pull took from its cache | no part came from a cache
status | text | Complete, Running, Failed, Cancelled, Timeout, ..
truncated | bool | rows are missing: the limit was reached below recordsMatched, or the query did not complete
"""
        ),
        "start",
    ),
    Table(
        "log_events",
        "One log event that an Insights query returned; one event may be returned by several queries.",
        _columns(
            """
file | text | file that the row came from
query_name | text | query, as in log_queries
log_group | text | log group
function | text | as in log_queries
time | time | @timestamp
message | text | @message without its last line break
log_stream | text | @logStream
request_id | text | @requestId, else the id in the message
ptr | text | @ptr, the identity of the event
kind | text | start, end, report, init, init_report, timeout, error, extension, application
level | text | level named by the message | none
error_type | text | such as Runtime.ImportModuleError, ReadTimeout, HTTPError, Task timed out | no error
duration_ms | float | report records: Duration
billed_ms | float | report records: Billed Duration
memory_mb | float | report records: Memory Size
memory_used_mb | float | report records: Max Memory Used
init_ms | float | report records: Init Duration | a warm start
fields | json | other fields of the row | none
"""
        ),
        "time",
    ),
    Table(
        "queues",
        "One SQS queue as get-queue-attributes described it.",
        _columns(
            """
file | text | file that the row came from
queue | text | name
arn | text | QueueArn
region | text | from the ARN
account_id | text | from the ARN
visible | int | ApproximateNumberOfMessages
in_flight | int | ApproximateNumberOfMessagesNotVisible
delayed | int | ApproximateNumberOfMessagesDelayed
visibility_timeout_s | float | VisibilityTimeout
retention_s | float | MessageRetentionPeriod
delay_s | float | DelaySeconds
receive_wait_s | float | ReceiveMessageWaitTimeSeconds
max_receive_count | int | of the redrive policy | no redrive policy
dlq | text | name of the dead-letter queue of the redrive policy | no redrive policy
is_fifo | bool | FIFO queue
created_at | time | CreatedTimestamp
modified_at | time | LastModifiedTimestamp
attributes | json | all attributes as returned
"""
        ),
    ),
    Table(
        "queue_messages",
        "One message seen in a queue, as receive-message returned it.",
        _columns(
            """
file | text | file that the row came from
queue | text | queue it was received from
message_id | text | MessageId
body | text | Body
sent_at | time | SentTimestamp (a move to a DLQ keeps it)
first_received_at | time | ApproximateFirstReceiveTimestamp
receive_count | int | ApproximateReceiveCount
source_queue | text | name in DeadLetterQueueSourceArn | not a message of a DLQ
group_id | text | MessageGroupId
deduplication_id | text | MessageDeduplicationId
work_item | text | what the work of a JSON body is about, such as an order or a device: value of a key in `item_keys` | the body names none
work_key | text | its moment (`time_keys`), else its date (`day_keys`) | the body names none
message_attributes | json | MessageAttributes, those of the sender | it set none, or they were not requested
attributes | json | all system attributes
"""
        ),
        "sent_at",
    ),
    Table(
        "functions",
        "One Lambda function's configuration.",
        _columns(
            """
file | text | file that the row came from
function | text | name
arn | text | FunctionArn
role | text | name of the role that it runs under
runtime | text | Runtime
handler | text | Handler
timeout_s | float | Timeout
memory_mb | float | MemorySize
code_sha256 | text | CodeSha256
last_modified | time | LastModified
state | text | State
last_update_status | text | LastUpdateStatus
reserved_concurrency | int | ReservedConcurrentExecutions | none reserved, or not queried: see `concurrency_known`
concurrency_known | bool | whether get-function-concurrency was called
log_group | text | LoggingConfig.LogGroup, else /aws/lambda/NAME
environment | json | environment variables, secrets masked
"""
        ),
    ),
    Table(
        "event_source_mappings",
        "One mapping from a queue to a function.",
        _columns(
            """
file | text | file that the row came from
uuid | text | UUID
function | text | name of the function
queue | text | name of the queue | another kind of source
source_arn | text | EventSourceArn
state | text | Enabled, Disabled, Disabling, ..
state_reason | text | StateTransitionReason
batch_size | int | BatchSize
batching_window_s | float | MaximumBatchingWindowInSeconds
max_concurrency | int | ScalingConfig.MaximumConcurrency | no maximum
response_types | json | FunctionResponseTypes
filters | json | patterns of FilterCriteria: what matches none is deleted unread | no filter
last_modified | time | LastModified
"""
        ),
    ),
    Table(
        "alarms",
        "One CloudWatch alarm, metric or composite.",
        _columns(
            """
file | text | file that the row came from
alarm | text | AlarmName
kind | text | metric or composite
namespace | text | Namespace | metric math or composite
metric | text | MetricName | metric math or composite
dimensions | json | dimension names to values
resource | text | as in metrics
stat | text | Statistic or ExtendedStatistic
period_s | int | Period
threshold | float | Threshold
comparison | text | ComparisonOperator
evaluation_periods | int | EvaluationPeriods
datapoints_to_alarm | int | DatapointsToAlarm | as EvaluationPeriods
treat_missing_data | text | TreatMissingData | missing
state | text | StateValue
state_updated_at | time | StateUpdatedTimestamp
actions_enabled | bool | ActionsEnabled
alarm_actions | json | AlarmActions
definition | json | the alarm as returned
"""
        ),
    ),
    Table(
        "alarm_history",
        "One entry of an alarm's history.",
        _columns(
            """
file | text | file that the row came from
alarm | text | AlarmName
time | time | Timestamp
kind | text | HistoryItemType: StateUpdate, ConfigurationUpdate, Action
from_state | text | old state | not a state update
to_state | text | new state | not a state update
summary | text | HistorySummary
data | json | HistoryData
"""
        ),
        "time",
    ),
    Table(
        "changes",
        "One API call that CloudTrail recorded.",
        _columns(
            """
file | text | file that the row came from
time | time | EventTime
event_id | text | EventId
event_name | text | EventName
event_source | text | EventSource
user | text | Username
read_only | bool | ReadOnly
resources | json | names of the resources, ARNs and URLs cut to their names, each once
resource | text | the first of them | none named
parameters | json | requestParameters of CloudTrailEvent
error_code | text | errorCode of CloudTrailEvent | the call succeeded
"""
        ),
        "time",
    ),
    Table(
        "trace_segments",
        "One segment or subsegment of a trace of X-Ray, or the summary of a trace.",
        _columns(
            """
file | text | file that the row came from
trace_id | text | Id of the trace
segment_id | text | id of the segment | the row is the summary of a trace
parent_id | text | id of the segment that called it | the first segment, or a summary
name | text | service, resource or function
origin | text | such as AWS::Lambda::Function
start | time | when it began
end | time | when it ended | still in progress, or a summary
duration_ms | float | from start to end
own_ms | float | the part of the duration in which no segment that it called was under way | a summary
fault | bool | a status of 5xx, or an exception
error | bool | a status of 4xx
throttle | bool | a status of 429
method | text | HTTP method
url | text | URL of the request
status | int | HTTP status
operation | text | operation of AWS
resource | text | queue, table, function, bucket or topic of the operation
request_id | text | request id of AWS
exception | text | type of the first exception
message | text | message of the first exception
"""
        ),
        "start",
    ),
    Table(
        "network_flows",
        "One record of a VPC flow log: packets between two hosts in an interval.",
        _columns(
            _WHERE
            + """
start | time | first packet of the interval
end | time | last packet of the interval
interface_id | text | network interface
source_addr | text | sender | no data in the interval
source_port | int | port of the sender | as for source_addr
target_addr | text | receiver | as for source_addr
target_port | int | port of the receiver | as for source_addr
protocol | int | IANA number: 6 TCP, 17 UDP, 1 ICMP | as for source_addr
packets | int | packets | as for source_addr
bytes | int | bytes | as for source_addr
action | text | ACCEPT or REJECT (by a security group or network ACL) | as for source_addr
"""
        ),
        "start",
    ),
    Table(
        "actions",
        "One step of a remedy that was applied because of the case; it grows after the import.",
        _columns(
            """
time | time | when it was done, or failed
remedy | text | name of the remedy, such as alarms or redrive
step | text | key of the step in its plan, or of the message
resource | text | name or ARN of what was changed | the whole plan
call | text | command of the AWS CLI without parameters | no call
outcome | text | done, failed, uncertain, not done, ..
message | json | sentence on it: id and values
plan | text | hash of the plan
number | int | entry in the journal, from 0
"""
        ),
        time="time",
    ),
    Table(
        "rejected_lines",
        "One piece of input that could not become a row of its table.",
        _columns(
            """
file | text | file that it came from
line | int | line number, from 1; 0 for a whole file or its tail
table | text | table that it was meant for
reason | text | why
text | text | the text, undecodable bytes escaped, cut when it is long
size_bytes | int | length of the line in the file | no line is meant
"""
        ),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}


def table_schema(name: str) -> Table:
    """Return a table's entry in the data dictionary.

    Raises
    ------
    InputError
        When there is no such table.
    """
    try:
        return TABLES[name]
    except KeyError as error:
        raise InputError(
            error_message("error-no-table", table=repr(name), known=", ".join(TABLES))
        ) from error


# Longest column of nulls that is kept for the next table, in rows: kilobytes for each dtype.
_MOST_NULLS = 1 << 12


def empty(name: str) -> pd.DataFrame:
    """Return a table without rows, with the columns and dtypes of the data dictionary."""
    return _empty(name).copy()


@cache
def _empty(name: str) -> pd.DataFrame:
    """Return an empty table, made once: pandas takes longer for its columns than for a query."""
    import pandas as pd

    return pd.DataFrame(
        {column.name: pd.Series(dtype=DTYPES[column.kind]) for column in table_schema(name).columns}
    )


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with exactly the columns of the data dictionary, in order and dtype.

    Parameters
    ----------
    name
        Table.
    frame
        Any frame; a column that it lacks becomes null, a column that the data dictionary lacks is an error, so that
        nothing is dropped in silence.

    Raises
    ------
    InputError
        When the frame has a column that the data dictionary doesn't have, or a value that doesn't fit its kind.
    """
    import pandas as pd

    schema = table_schema(name)
    _check_columns(name, frame.columns)
    if len(frame) == 0:  # `frame.empty` is also true of rows without columns
        return empty(name)
    dtypes = _dtypes(name)
    if list(frame.columns) == schema.names and all(map(eq, frame.dtypes, dtypes.values())):
        return frame.reset_index(drop=True)
    columns: dict[str, Any] = {}
    for column in schema.columns:
        dtype = dtypes[column.name]
        values = frame[column.name] if column.name in frame.columns else None
        # Not by its name alone: texts whose null is NaN have the same.
        if values is not None and values.dtype == dtype:
            columns[column.name] = values.array
            continue
        # A column of nothing but nulls may have any dtype on the way here.
        if values is None or values.isna().all():
            columns[column.name] = _nulls(name, column.name, len(frame))
            continue
        try:
            columns[column.name] = values.astype(dtype).array
        except (TypeError, ValueError) as error:
            raise _unfitting(name, column, error) from error
    return pd.DataFrame(columns)


def frame_of_values(
    name: str, rows: Sequence[Mapping[str, Any]], *, keeps_empty: bool = False
) -> pd.DataFrame:
    """Return rows as a table, with the columns of the data dictionary, in order and dtype.

    Parameters
    ----------
    name
        Table.
    rows
        A mapping of columns to values for each row. A column that it lacks is null, and so is an empty text.
        A whole number as a time is microseconds since the epoch.
    keeps_empty
        Whether an empty text stays one.

    Raises
    ------
    InputError
        When a row has a column that the data dictionary doesn't have, or a value that doesn't fit its kind.

    Notes
    -----
    A folder of AWS responses has tens of files with few rows each. To convert each column once takes a third of
    the time of a frame whose types are inferred first and converted then.
    """
    # Nearly all rows have the same columns.
    present = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, rows))))
    values = {column: [row.get(column) for row in rows] for column in present}
    return frame_of_columns(name, values, len(rows), keeps_empty=keeps_empty)


def frame_of_columns(
    name: str, columns: Mapping[str, Sequence[Any]], rows: int, *, keeps_empty: bool = False
) -> pd.DataFrame:
    """Return columns of values as a table; values and errors as for :func:`frame_of_values`.

    Parameters
    ----------
    name
        Table.
    columns
        The values of each column, in the order of the rows. A column that is left out is null.
    rows
        Number of rows.
    keeps_empty
        Whether an empty text stays one.
    """
    import pandas as pd

    schema = table_schema(name)
    _check_columns(name, columns)
    if not rows:
        return empty(name)
    arrays: dict[str, Any] = {}
    dtypes = _dtypes(name)
    for column in schema.columns:
        values = columns.get(column.name, ())
        if column.kind == "text" and not keeps_empty and "" in values:
            values = [None if value == "" else value for value in values]
        if all(value is None for value in values):
            arrays[column.name] = _nulls(name, column.name, rows)
            continue
        try:
            arrays[column.name] = _array_of(values, column.kind, dtypes[column.name])
        except (TypeError, ValueError) as error:
            raise _unfitting(name, column, error) from error
    return pd.DataFrame(arrays)


def _array_of(values: Sequence[Any], kind: Kind, dtype: Any) -> Any:
    """Return values, of which some are not null, as a column of a kind and its dtype."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if kind == "time":
        if {int, type(None)}.issuperset(map(type, values)):
            return _times_of(values)
        series = pd.Series(values)
        return (series if series.dtype == dtype else pd.to_datetime(series, utc=True).astype(dtype)).array
    if kind in ("text", "json") and {str, type(None)}.issuperset(map(type, values)):
        # pandas would look at each value for what it may be, which takes twice to five times as long.
        return pd.arrays.ArrowStringArray(pa.array(values, pa.large_string()), dtype=dtype)
    if kind == "float" and {float, type(None)}.issuperset(map(type, values)):
        numbers = np.array(values, dtype="float64")
        return pd.arrays.FloatingArray(numbers, np.isnan(numbers))
    return pd.array(values, dtype=dtype)


def _times_of(moments_us: Iterable[int | None]) -> Any:
    """Return microseconds since the epoch as a column of times; None becomes NaT."""
    import numpy as np
    import pandas as pd

    missing = np.iinfo(np.int64).min
    values = np.array([missing if moment is None else moment for moment in moments_us], dtype=np.int64)
    return pd.Series(values.view("datetime64[us]")).dt.tz_localize("UTC").array


def _check_columns(name: str, columns: Iterable[str]) -> None:
    names = table_schema(name).names
    unknown = [column for column in columns if column not in names]
    if unknown:
        raise InputError(
            error_message("error-table-no-column", table=repr(name), columns=", ".join(map(repr, unknown)))
        )


def _nulls(name: str, column: str, rows: int) -> Any:
    """Return a column of a table with so many nulls, for a frame that copies it: others share its memory."""
    dtype = _dtypes(name)[column]
    # Few lengths, so that most columns are part of one that is there.
    longer = 1 << (rows - 1).bit_length()
    return _nulls_of(dtype, longer)[:rows] if longer <= _MOST_NULLS else _nulls_of.__wrapped__(dtype, rows)


@cache
def _nulls_of(dtype: Any, rows: int) -> Any:
    """Return an array of so many nulls."""
    import pandas as pd

    return pd.Series(dtype=dtype).array.take([-1] * rows, allow_fill=True)


def _unfitting(name: str, column: Column, error: Exception) -> InputError:
    return InputError(
        error_message(
            "error-column-kind",
            column=repr(column.name),
            table=repr(name),
            kind=column.kind,
            reason=error,
        )
    )


@cache
def _dtypes(name: str) -> dict[str, Any]:
    """Return the dtype of each column, in order; pandas takes longer to look a dtype up than to compare it."""
    import pandas as pd

    return {
        column.name: pd.api.types.pandas_dtype(DTYPES[column.kind]) for column in table_schema(name).columns
    }
