### The process, its container and its host: CPU, threads, memory, files, connections, restarts.

health-cpu-full = CPU of the process was full in { $full } of { $samples } samples (median { $median }, before { $before }).
health-cpu-full-of-quota = CPU of the process was full in { $full } of { $samples } samples, as { $cores } cores are granted (median { $median }, before { $before }).
health-cpu-shared = The measured processes together used { $together } CPU, this one { $median } (before { $before }).
health-cpu-level = CPU of the process stayed level at { $median } (before { $before }), as at a limit.
health-cpu-rose = CPU of the process rose to { $median } (before { $before }).
health-cpu-threads = { $threads } more threads than before shared that CPU.
health-cpu-held = CPU of the process stayed level at { $median } (nine tenths of samples between { $low } and { $high }, relative variance { $times } times less than before) while { $requests } requests were open: it gets no more.
health-cpu-held-detail = CPU of the process is held at { $median } while { $requests } requests wait.
health-cpu-idle = CPU of the process stayed low (median { $median }, nine tenths of samples under { $most }).
health-memory-lost = Memory of the process grew to { $most } MB (before { $before } MB) and was lost at once, { $times } times, as when the process is killed for it.
health-memory-at-limit = Memory of the process grew from { $before } MB to { $most } MB of the { $granted } MB that compose grants.
health-memory-grown = Memory of the process grew from { $before } MB to { $most } MB.
health-pool-full =
    { $known ->
        [known] The threads of the process rose no further than { $threads } during the incident: { $flat } of { $samples } samples were at this limit, while its gauge in_flight reached { $requests }.
       *[unknown] The threads of the process rose no further than { $threads } during the incident: { $flat } of { $samples } samples were at this limit.
    }
health-pool-full-detail =
    { $known ->
        [known] All { $pool } threads of the pool were busy: the process had { $threads } threads, those outside the pool included, and its gauge in_flight reached { $requests }.
       *[unknown] All { $pool } threads of the pool were busy: the process had { $threads } threads, those outside the pool included.
    }
health-pool-free = The process had at most { $threads } threads, fewer than a pool of { $pool }.
health-pool-free-by-requests = At most { $requests } requests were open in the process, fewer than a pool of { $pool } threads.
health-server-of-class = { $program } ({ $kind })
health-no-event-loop = Each process and thread of { $server } serves one request at a time: it has no event loop.
health-workers-full = { $server } serves { $at_once } requests at once. { $crowded } of { $bad } bad requests arrived while more were open, up to { $open }.
health-workers-full-detail =
    { $known ->
        [known] All { $at_once } workers and threads of { $server } are taken, up to { $open } requests are open at once; requests of { $holders } hold them, while others are far quicker once they have one.
       *[unknown] All { $at_once } workers and threads of { $server } are taken; up to { $open } requests are open at once.
    }
health-workers-free = At most { $open } requests were open at { $server } at one time, which serves { $at_once } at once.
health-not-arriving = In { $samples } samples Nginx had { $outside } requests open on average, and the application { $inside }.
health-files-full = Open files of the process stood at { $files } of { $limit } allowed.
health-log-words =
    { $meaning ->
        [files] The application logged that it can open no more files or sockets ({ $lines } lines).
        [threads] The application logged that it can start no more threads ({ $lines } lines).
        [concurrency] The application logged that it rejected requests at its concurrency limit ({ $lines } lines).
        [memory] The application logged that it ran out of memory ({ $lines } lines).
        [disk] The application logged that its disk is full ({ $lines } lines).
        [connections] The application logged that it waited in vain for a free connection of a pool ({ $lines } lines).
        [lookups] The application logged that no name server answered its lookups ({ $lines } lines).
       *[loop] The application logged that its event loop was blocked ({ $lines } lines).
    }
health-restarted =
    { $times ->
        [one] The application was started once during the incident.
       *[other] The application was started { $times } times during the incident.
    }
health-restarted-detail =
    { $times ->
        [one] The process was restarted once.
       *[other] The process was restarted { $times } times.
    }
health-restart-worker-timeout =
    { $worker ->
        [sync] Gunicorn ended the worker, as its request took longer than `--timeout`.
        [loop] Gunicorn ended the worker, as its event loop did not respond within `--timeout`.
       *[other] Gunicorn ended the worker, as it did not report within `--timeout`.
    }
health-sync-worker-timeout = Gunicorn ended { $workers } sync workers whose request took longer than its `--timeout` (WORKER TIMEOUT). A sync worker serves one request at a time and has no event loop.
health-workers-killed = { $workers } workers were ended by SIGKILL, and none of them had exceeded gunicorn's `--timeout` before, as when the kernel is out of memory.
health-restart-wrong-port = The health check of the container requests port { $port }, while the server listens on { $listening }.
health-restart-unhealthy = The health check of the container reports it as unhealthy { $soonest } to { $latest } after trouble begins, and the first restart came after { $after }.
health-restart-follows = So the restart may be a consequence of the incident.
health-turned-away = { $refused } of { $bad } bad responses of { $paths } are a 503 that the application server returned at once.
health-turned-away-detail = The application server rejects requests (limit_concurrency { $limits }).
health-connections-full = { $crowded } of { $bad } bad requests of { $paths } arrived while more than { $size } requests that need a connection of { $pool } ({ $place }) were open, and the pool has { $size }.
health-connections-spared = Endpoints that need no connection did well: { $calm }.
health-connections-full-detail = All { $size } connections of { $pool } ({ $place }) are in use, and requests of { $paths } wait for one.
health-asked-by-name = Nginx connects to { $address } by its name.
health-networks-apart = By compose, { $service } is on { $networks } and { $proxy } on { $proxy_networks }: they share no network.
health-metric-stood = { $metric } stood at { $now } (before { $before }).
health-throttled-rose = The container used up its CPU quota, and the kernel held it back: { $metric } rose by { $now } per sample (before { $before }).
health-throttled-stood = The container used up its CPU quota, and the kernel held it back: { $metric } stood at { $now } (before { $before }).
health-metric-of-host = { $metric } of the host stood at { $now } (before { $before }).
health-little-own-cpu = The process itself used little CPU meanwhile.
health-published-before = Nginx connects to { $address }, which served { $requests } requests well before.
health-not-published = By compose, no container publishes port { $port } any more, to which Nginx connects. Published are { $published }.

# Containers, as what runs them tells
health-container =
    { $kind ->
        [container-out-of-memory] { $platform } reports { $times ->
            [one] one kill
           *[other] { $times } kills
          } for lack of memory of { $objects }: { $reason }.
        [container-crash-loop] { $platform } waits before it starts { $objects } again, which ends soon after each start: { $reason }.
        [container-not-started] { $platform } could not start { $objects }: { $reason }.
        [container-ended] { $platform } reports that { $objects } ended ({ $times ->
            [one] once
           *[other] { $times } times
          }): { $reason }.
        [container-probe-refused] { $times ->
            [one] One probe
           *[other] { $times } probes
          } of { $objects } by { $platform } met no listener: { $reason }.
        [container-probe-timeout] { $times ->
            [one] One probe
           *[other] { $times } probes
          } of { $objects } by { $platform } got no response in time, on a connection that does not pass Nginx: { $reason }.
        [target-timeout] { $times ->
            [one] One health check
           *[other] { $times } health checks
          } of { $objects } by the load balancer ({ $platform }) got no response in time: { $reason }.
        [container-unhealthy] { $platform } found { $objects } unhealthy by a check that does not pass Nginx ({ $times ->
            [one] once
           *[other] { $times } times
          }): { $reason }.
       *[container-probe-status] { $times ->
            [one] One probe
           *[other] { $times } probes
          } of { $objects } by { $platform } got a response whose status counts as a failure: { $reason }.
    }
health-container-untimed = The evidence does not state when.
health-probe-strict =
    { $probe ->
        [lb] The health check of the load balancer
        [container] The health check of the container
       *[other] The { $probe } probe
    } fails after { $timeout } ({ $times ->
        [one] once
       *[other] { $times } times
    }), while good responses of { $path } usually take up to { $usual }: the probe is stricter than the endpoint.

# Source of the application
health-call = { $call } in { $function } ({ $place })
health-blocking-in-loop = The source blocks the event loop: { $calls }.
health-pool-work = In the source, { $paths } needs a thread of the pool, which is shared with { $calls }.
health-possible-call = possibly { $call } in { $function } ({ $place })
health-blocking-in-used-handlers = The source blocks the event loop in handlers that callers used: { $calls }.

# A process that is not there
health-inside-refused = { $refused } of { $probes } probes from inside the container were refused while callers outside were served badly: nothing listened there.
health-inside-waits = { $waited } of { $bad } bad probes from inside the container waited for a response and none was refused, so a process listened there.
health-inside-refused-detail = Nothing listened on { $services }: connections from inside were refused as well.
health-connected = Nginx connected to { $services } for { $made } of { $passed_on } bad requests.
health-connected-errors = { $waited } of { $errors } upstream errors on { $services } came after a connection was made.
health-metrics-gap = No metric of the process was sampled for { $gap } of the incident (usually every { $step }).
health-metrics-gap-others = No metric of the process was sampled for { $gap } of the incident (usually every { $step }), while another process was sampled.
health-stopped = The server ended at { $from } and was not ready until { $until }; { $bad } of { $total } bad requests fell into that time.
health-stopped-detail = { $where ->
    [known] The process at { $address }
   *[unknown] The process
  } was not running from { $from } until { $until }.
health-stopped-open = The server ended at { $from } and was not ready again by { $until }; { $bad } of { $total } bad requests fell into that time.
health-stopped-open-detail = { $where ->
    [known] The process at { $address }
   *[unknown] The process
  } ended at { $from } and was not running again by { $until }.
health-start-fails = The application failed { $times } times while it was loaded: { $error }.
health-start-fails-detail = Each start fails: { $error }.

# Arrivals
health-arrivals-up = During the incident { $rate } requests per second arrived, { $ratio } times the busiest time otherwise.
health-arrivals-usual = During the incident { $rate } requests per second arrived, { $ratio } times the busiest time otherwise: no more than usual.
health-arrivals-client = Most of the excess came from { $who }.
health-arrivals-agent = Most of the excess has { $who } in its user agent, which other requests rarely have.
health-arrivals-route = Most of the excess asked for { $who }.

# Dependencies
health-bystanders-wait = { $paths } was slow or failed as well, though its handler calls nothing that could keep it waiting.
health-callers-wait = Requests of { $paths } waited, and their handler waits for { $calls } before it responds.
health-callers-wait-spared = Requests of { $paths } waited, and their handler waits for { $calls } before it responds. { $spared }, which waits for no other service, was not affected.
health-callers-wait-detail = Requests of { $paths } wait for { $calls }.
health-client-timeouts = The application logged { $lines } times that a call got no response: { $error }.

# Where what runs a service has its settings
platform-assumed = without Docker: with journalctl or kubectl logs
platform-memory-setting =
    { $platform ->
        [kubernetes] `resources.limits.memory` of its container
        [ecs] `memory` in the task definition
        [lambda] `MemorySize` of the function
        [heroku] the dyno type (`heroku ps:type`)
        [nomad] `memory` of `resources` in its job
        [fly] `memory` of `[[vm]]` in fly.toml
        [cloud-run] `--memory` of `gcloud run services update`
        [render] the instance type in Render's dashboard
        [systemd] `MemoryMax=` in its unit
       *[docker] `mem_limit` in the compose file
    }
platform-cpu-setting =
    { $platform ->
        [kubernetes] `resources.limits.cpu` of its container
        [ecs] `cpu` in the task definition
        [lambda] `MemorySize` of the function, to which its CPU is proportional
        [heroku] the dyno type (`heroku ps:type`)
        [nomad] `cpu` of `resources` in its job
        [fly] `cpus` of `[[vm]]` in fly.toml
        [cloud-run] `--cpu` of `gcloud run services update`
        [render] the instance type in Render's dashboard
        [systemd] `CPUQuota=` in its unit
       *[docker] `cpus` in the compose file
    }
platform-files-setting =
    { $platform ->
        [kubernetes] the node's container runtime, `LimitNOFILE=` in its unit
        [ecs] `ulimits` in the task definition
        [lambda] `MemorySize` or fewer open files at once, since Lambda allows 1,024
        [heroku] the dyno type (`heroku ps:type`)
        [nomad] `ulimit` in `config` of the job's task
        [fly] `ulimit -n` in the start command
        [cloud-run] `--concurrency` of `gcloud run services update`, lower
        [render] `ulimit -n` in the start command
        [systemd] `LimitNOFILE=` in its unit
       *[docker] `ulimits` in the compose file
    }
platform-restart-setting =
    { $platform ->
        [kubernetes] `restartPolicy: Always`, which every Deployment has,
        [ecs] A `desiredCount` of the service above 0
        [lambda] An alias of the function with a version that starts
        [heroku] Scaling of its web dynos (`heroku ps:scale`) above 0
        [nomad] A `restart` block of the job's group with more `attempts`
        [fly] A `[[restart]]` section with `policy = "always"` in fly.toml
        [cloud-run] `--min-instances` of `gcloud run services update` above 0
        [render] A health check path in the service's settings
        [systemd] `Restart=always` in its unit
       *[docker] `restart: unless-stopped` in the compose file
    }
platform-probe-setting =
    { $platform ->
        [kubernetes] `timeoutSeconds` of the probe
        [ecs] `HealthCheckTimeoutSeconds` of the target group, `timeout` of `healthCheck` in the task definition
        [lambda] `Timeout` of the function
        [nomad] `timeout` of `check` in its job
        [fly] `timeout` of `[[http_service.checks]]` in fly.toml
        [cloud-run] `timeoutSeconds` of the probe in the service's YAML
        [render] the health check path in the service's settings, whose limit of 5 s is fixed
        [systemd] `WatchdogSec=` in its unit
       *[docker] `timeout` of `healthcheck` in the compose file
    }
