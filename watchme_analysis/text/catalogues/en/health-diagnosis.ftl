### Observations on the incident as a whole.

health-all-well = No endpoint was slow or failing for long: { $bad } of { $total } requests and probes were bad.
health-no-harm = No endpoint failed for long or kept callers waiting near a time limit: { $bad } of { $total } requests and probes did.
health-no-requests = The data holds no request or probe that could have been slow or failing.

cause-text = { $text }
health-not-collected = No { $table }: { $what } could not be seen.
health-pool-threads = { $threads } worker threads stand in the same call, the main thread is idle
health-pool-threads-unknown = all threads called { $name } stand in the same call, the main thread is idle
health-pool-workers = every worker process stands in the same call

# Names of checks
check-incident = incident
check-vantages = vantages
check-host-and-inside = host and inside
check-paths = paths
check-onset = onset
check-edge = edge
check-way-to-the-edge = way to the edge
check-edge-configuration = edge configuration
check-nginx = nginx
check-nginx-errors = nginx errors
check-upstream = upstream
check-upstream-connections = connections to upstreams
check-replicas = replicas
check-nginx-configuration = nginx configuration
check-connect = connect
check-body = body
check-handlers = handlers
check-rhythm = rhythm
check-known-lines = known lines
check-log = log
check-threads = threads
check-server = server
check-workers = workers
check-in-flight = in flight
check-cpu = cpu
check-host-cpu = host cpu
check-descriptors = descriptors
check-connections = connections
check-memory = memory
check-container-probes = container probes
check-restarts = restarts
check-arrivals = arrivals
check-dependency = dependency
check-dependency-log = dependency log
check-lifecycle = lifecycle
check-listening = listening
check-samples = samples
check-disk = disk
check-source = source
check-ports = ports
check-networks = networks
check-start-command = start command
