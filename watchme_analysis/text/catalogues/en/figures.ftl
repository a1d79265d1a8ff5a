### Figures: titles of panels, labels of axes, legends and descriptions.

# Shared
figure-none = No figure: { $reason }
axis-time-day = time ({ $zone }), { $day }
axis-time-days = time ({ $zone }), { $day } to { $last }
axis-duration = duration
axis-requests = requests
vantage-outside = outside
vantage-edge = edge
vantage-nginx = Nginx
vantage-host = host
vantage-inside = inside
phase-baseline = baseline
phase-all = whole window
phase-after = after
phase-incident = incident
on-edge = edge
on-nginx = Nginx
on-connect = connect
on-header = wait for header
on-body = read body
on-app = application

# Vantages
vantages-empty = No probe or log of these endpoints has a duration.
vantages-axis = duration (beside: requests; × failed, | median)
vantages-strip = { $vantage }, { $phase }: { $requests }{ $failed ->
    [0] {""}
   *[other] , { $failed } failed
  }
vantages-alt = Durations by endpoint, vantage and phase. { $strips }.
vantages-alt-strip = { $route } { $vantage } { $phase }: median { $median }, { $failed } of { $requests } failed

# Time by layer
where-time-goes-empty = Neither the edge's log nor Nginx's log has durations.
where-time-goes-title = mean time by layer (beside: number of requests)
where-time-goes-bar = { $route }, { $phase }: { $requests }
where-time-goes-axis = time
where-time-goes-alt = Where the time goes. { $bars }.
time-in-edge = edge and the way to Nginx
time-in-nginx = in Nginx, and to the client
time-in-connect = connecting to the application
time-in-header = waiting for the application's header
time-in-body = reading the application's body

# Requests in flight
in-flight-empty = No log or probe has the duration of a request.
in-flight-nginx-by-upstream = requests open at Nginx, by upstream
in-flight-nginx-by-route = requests open at Nginx, by path
in-flight-edge-by-upstream = requests open at the edge, by upstream
in-flight-edge-by-route = requests open at the edge, by path
in-flight-latency = latency of { $route }
in-flight-no-log = no access or edge log
in-flight-never-two = never two at once at a sample
in-flight-no-load = no gauge of the process, no access or edge log
in-flight-axis-with = load: { $load }; × failed
in-flight-axis-before = load: { $load }, { $lag } before; × failed
in-flight-axis-after = load: { $load }, { $lag } after; × failed
in-flight-alt = Requests in flight and the latency of { $route }. Open by upstream: { $peaks }; { $conclusion }.
in-flight-alt-unknown = Requests in flight and the latency of { $route }. Open requests are unknown; { $conclusion }.
load-in-process = in flight in the process, its own requests left out
load-other-paths = requests of other paths open at the same upstream
latency-load-constant = latency changes though the load stays at { $load }
latency-too-few = latency against load: too few samples to compare
latency-apart = latency does not go with the load (at best ρ { $rho }, { $samples } samples)
latency-with = latency goes with the load, at once (ρ { $rho }, { $samples } samples)
latency-follows = latency follows the load by { $lag } (ρ { $rho }, { $samples } samples)
latency-precedes = latency precedes the load by { $lag } (ρ { $rho }, { $samples } samples)

# Timeline of a health page
health-timeline-empty = The case has no probes, logs or host metrics in this window.
panel-probes = probes
panel-requests = { $layer }: { $requests ->
    [one] { $requests } request
   *[other] all { $requests } requests
  }
panel-requests-steps = { $layer }: { $requests ->
    [one] { $requests } request
   *[other] all { $requests } requests
  }, steps of { $step }
panel-requests-untimed = { $layer }: { $requests ->
    [one] { $requests } request
   *[other] all { $requests } requests
  }, no durations
panel-events = events
panel-events-without-nginx = events (no Nginx error log)
panel-events-without-app = events (no application log)
panel-events-without-nginx-app = events (no Nginx error log and no application log)
panel-host = host
panel-host-metric = host: { $metric }
metric-cpu-pct = CPU (%)
metric-in-flight = requests in flight
metric-threads = threads
metric-open-files = open files
metric-rss-mb = memory (MB)
event-nginx = Nginx: { $kind } ({ $lines })
event-app = app: { $kind } ({ $lines })
app-line-access = requests
app-line-lifecycle = start or stop
app-line-application = messages
app-line-error = errors
requests-failed = failed
requests-slowest-failed = slowest failed
requests-succeeded = succeeded
requests-affected = affected
requests-others = others
line-median = median
line-main-process = main
absent-probes = no probes
absent-edge-log = no edge log
absent-nginx-log = no Nginx log
absent-host-metrics = no host metrics
timeline-alt = Timeline of { $parts }. The incident is shaded, changes are dashed lines.
timeline-alt-probes = { $rows } probes from { $vantage } ({ $failed } failed)
timeline-alt-requests = { $rows } requests at { $vantage } ({ $failed } failed)
timeline-alt-error-log = { $rows } Nginx error lines
timeline-alt-app-log = { $rows } application log records
timeline-alt-metrics = host metrics { $metrics }

# Single requests
waterfall-empty = Neither the edge's log nor Nginx's log has the duration of a request.
waterfall-axis = time since the request began (requests' times in { $zone })
waterfall-alt = Layers of single requests. { $requests }.
waterfall-responded = responded after { $after }
request-slowest = slowest
request-typical = typical
layer-state-seen = seen
layer-state-gave-up = timed out
layer-state-not-seen = not seen
layer-state-not-asked = not reached
layer-state-not-logged = not logged
layer-note-no-timing = $request_time and $upstream_*_time are not in the log_format
layer-note-not-at-edge = not in the edge's log
layer-note-no-edge-log = no edge log
layer-note-cache = cache { $status }
layer-note-not-at-nginx = no record of this request in Nginx's log
layer-note-no-access-log = no access log of Nginx
layer-note-joined = joined by { $key }
layer-note-nginx-responded = Nginx responded itself
layer-note-by-id = by its id
layer-note-by-time = only record that fits
layer-note-by-nearest = nearest of { $candidates } that fit
layer-note-by-order = in turn of { $candidates } that fit, unsure
layer-note-not-reached = the request did not reach it
layer-note-no-response = no response to it in the log
layer-note-no-app-log = no application log

# Matrix
matrix-empty = No hypothesis found any evidence in the tables of the case.
matrix-note = ▲ supports   ▼ contradicts   · neutral; weight in natural log-odds
matrix-left-out = { $checks ->
    [one] { $checks } check with a smaller weight is not shown
   *[other] { $checks } checks with smaller weights are not shown
  }
matrix-alt = Matrix of { $checks } checks and { $causes } hypotheses: { $parts }.
matrix-alt-cause = { $cause } ({ $id }) { $probability } ({ $supporting } for, { $contradicting } against, { $neutral } neutral)

strip-shaded = Shaded: the time of the incident
strip-more-changes = and { $changes ->
    [one] { $changes } more change
   *[other] { $changes } more changes
  }, see the timeline

# Timeline of a backlog
backlog-timeline-empty = The case has no CloudWatch metrics of queues in this window.
panel-per-step = { $title }, per { $step }
panel-sent = arrivals (messages)
panel-deleted = processed and deleted (messages)
panel-visible = waiting (messages visible)
panel-in-flight = in flight (messages)
panel-age-s = age of the oldest message
panel-dlq-visible = dead-letter queues (messages)
panel-invocations = invocations
panel-failed = failed attempts
panel-throttles = throttled invocations
panel-duration-avg-s = duration of an invocation, average
panel-duration-max-s = duration of an invocation, longest
panel-cpu-pct = CPU of the host (%)
absent-metric = no points of this metric
line-other-queues = { $queues ->
    [one] { $queues } other queue
   *[other] { $queues } other queues
  }
line-host = the host
backlog-alt = Timeline of the metrics of queues and functions. { $queues }. The incident is shaded.
backlog-alt-queue = { $queue }: at most { $peaks }
backlog-alt-visible = waiting { $peak }
backlog-alt-age-s = oldest message { $peak }
backlog-alt-dlq-visible = messages in the DLQ { $peak }
backlog-alt-duration-max-s = longest invocation { $peak }
figure-button-home = Reset the view
figure-button-back = Back to the previous view
figure-button-forward = Forward to the next view
figure-button-pan = Drag to move the view
figure-button-zoom = Drag a rectangle to zoom
figure-button-download = Save the figure
