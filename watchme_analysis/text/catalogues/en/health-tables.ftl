### Tables of the health page.

# Shared
part-of = { $part } of { $whole }
requests-none = No rows: no request or probe was recorded.
column-vantage = seen from
column-phase = phase
column-requests = requests
column-layer = layer
column-setting = setting
column-service = service
column-value = value
column-source = from
column-status = status
column-kind = kind
column-upstream = upstream
column-lines = lines

# Baseline against incident
baseline-caption = Baseline (all time outside the incident) against incident
comparison-note = Bad: failed, or over twice its usual time and half a second more. Cliff's δ: +1 when every request of the incident took longer than every other, 0 when there is no difference.
comparison-timed = ({ $baseline } → { $incident } timed)
column-bad-baseline = bad, baseline
column-bad-incident = bad, incident
column-of-these-failed = of these failed
column-median-change = median, baseline → incident
column-p90-change = p90, baseline → incident
column-ratio-of-medians = ratio of medians
column-cliffs-delta = effect (Cliff's δ)

# Connections
by-connection-caption = New connections against keep-alive connections
by-connection-note = A new connection needs the network, room in the listen queue and a process that accepts it. A keep-alive connection needs a response alone. More connections are opened during a jam, so more bad requests over new ones prove little. Unknown: connected in under half a millisecond or kept alive, and no response in the application's log.
by-connection-none = No rows: neither the edge's handshakes nor $connection_requests, $upstream_connect_time or the ports in the application's log were recorded.
hop-to-nginx = to Nginx
hop-to-app = Nginx to application
column-connection = connection
column-bad-over-new = bad over new, baseline → incident
column-bad-over-keep-alive = bad over keep-alive, baseline → incident
column-bad-over-unknown = bad over unknown, baseline → incident
column-median-over-new = median over new, baseline → incident
column-median-over-keep-alive = median over keep-alive, baseline → incident

# Statuses and errors
statuses-caption = Responses by status, baseline → incident
errors-caption = Nginx's error log by kind
errors-none = No rows: no error log.

# Layers
layer-times-caption = Mean time that each layer adds to a request
layer-times-none = No rows: neither log has durations. Add $request_time and $upstream_*_time to Nginx's log_format.
column-at-edge = edge and the way to Nginx
column-in-nginx = in Nginx
column-connect = connect
column-wait-for-header = wait for header
column-read-body = read body
column-time-limit-passed = time limit passed
layers-caption = Two requests, layer by layer
layers-note = Times since the request began at the outermost layer.
layers-none = No rows: no log has durations.
column-request = request
column-began = began
column-first-byte = first byte
column-ended = ended

# Configuration
settings-caption = Settings in force for each path
settings-note = ≠: not the same for all of these paths. The locations are defined in { $lines }.
settings-none = No rows: neither Nginx's nor the edge's configuration is part of the case.
handlers-caption = Handlers in the source
handlers-note = Read from the source, not run. In FastAPI, a `def` handler waits for a thread of the pool (40 unless set otherwise), and a call that blocks the event loop stops every handler of the process. A handler of Flask keeps a worker of its server until it responds, and so does a `def` handler of Django.
handler-not-analysed = not analysed
handlers-none = No rows: no application source is part of the case.
handlers-more = { $handlers } more handlers, without callers or too many to show: table app_handlers.
column-route = route
column-written-as = written as
column-runs-on = runs on
column-in-answer = can block before the response
column-in-background = left to the background
processes-caption = Processes and containers
processes-note = Unset: the program's own default. The time until a container counts as unhealthy runs from the fault: the shorter when each check fails at once, the longer when each takes its whole time limit.
processes-none = No rows: neither a start command nor a compose file is part of the case.
setting-application = application
setting-address = listens on
setting-workers = workers
setting-connections = connections at once
setting-listen-backlog = listen backlog
setting-keep-alive = keep-alive (s)
setting-open-files = open files
setting-command = command
setting-network = network
setting-ports = published ports
setting-cpus = CPUs
setting-memory = memory
setting-processes = processes
setting-restart = restart
setting-health-check = health check
setting-check-interval = each
setting-unhealthy-after = unhealthy after
setting-start-period = start period
setting-no-limit = no limit
setting-of-shell = the shell's
setting-of-docker = Docker's own
setting-any-port = any
setting-unset = unset ({ $default })
setting-memory-measured = { $limit } (at most { $used } MB measured)
setting-health-check-disabled = disabled
setting-health-check-none = none here (the image may have one)
setting-health-check-of-image = the image's
setting-check-interval-value = { $interval }, at most { $timeout }, { $retries } in a row
setting-unhealthy-after-value = { $soonest } to { $latest } of failures
setting-start-period-value = { $period }: failures in it do not count
mark-change = { $change }
mark-change-by = { $change } by { $user }
mark-nginx-reload = Nginx reloads
mark-nginx-startup = Nginx starts
mark-nginx-shutdown = Nginx stops
mark-application = the application { $state ->
    [stops] stops
   *[starts] starts
  }
mark-service = the application { $service } { $state ->
    [stops] stops
   *[starts] starts
  }
directive-served-by = location
directive-asks = upstream address
directive-as = upstream path
directive-not-followed = not analysed
directive-server-block = the server block
directive-no-upstream = none
directive-default = { $value } (Nginx's own)
directive-limit-key = for each { $key }
directive-limit-zone = in the zone { $zone }
directive-connections = { $connections ->
    [one] { $connections } connection
   *[other] { $connections } connections
  } at once { $key }
directive-rate = { $rate } a second { $key }, { $how ->
    [refused] refused above
   *[delayed] delayed within
  } a burst of { $burst }
call-said = { $call } ({ $kind } on the { $where }; { $place })
call-limited = { $call } ({ $kind } on the { $where }, at most { $limit } s; { $place })
call-none-blocks = { $task }: nothing that blocks
calls-more = and { $calls } more (app_calls)
call-kind-blocking-io = blocking io
call-kind-blocking-sleep = blocking sleep
call-kind-blocking-file = blocking file
call-kind-cpu = cpu
call-kind-lock = lock
call-context-event-loop = event loop
call-context-thread-pool = thread pool
call-context-process-pool = process pool
call-context-worker = worker of the server
call-context-unknown = thread that the source does not show
status-no-answer = no response
upstream-not-asked = not passed on
