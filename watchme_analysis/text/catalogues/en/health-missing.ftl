### Evidence to collect next for a `/health` question, and how.

missing-inside-probes-what = probes from inside the container
missing-inside-probes-why = They separate a stuck application from everything before it.
missing-outside-probes-what = probes from outside, through the edge
missing-outside-probes-why = They show which responses callers get, and when.
missing-host-probes-what = probes from the host, past Nginx
missing-host-probes-why = They separate the container's network from Nginx and the edge.
missing-access-log-what = Nginx's access log with upstream times
missing-access-log-why = It shows which layer takes the time of each request.
missing-access-log-times-what = upstream times and addresses in Nginx's access log
missing-access-log-times-why = The log's format has no times, so that connecting, waiting and reading look alike.
missing-edge-requests-what = the edge's request log
missing-edge-requests-why = It shows whether the edge held or refused requests that Nginx responded to well.
missing-targets-what = the health of the targets and the settings of their checks
missing-targets-why = The load balancer says why it takes a target out, and how long its checks wait.
missing-nginx-errors-what = Nginx's error log
missing-nginx-errors-why = It separates connecting from waiting for the header, and names limits.
missing-nginx-configuration-what = Nginx's configuration
missing-nginx-configuration-why = It shows where the endpoint's location differs from the others.
missing-edge-configuration-what = the edge's configuration
missing-edge-configuration-why = It shows cache, rules and limits that apply to the endpoint.
missing-metrics-what = CPU, threads, open requests and files of the process, and the host's CPU, each second
missing-metrics-why = They separate a full thread pool, a lack of CPU and exhausted descriptors from a blocked event loop.
missing-application-log-what = the application's log with milliseconds
missing-application-log-why = Its silences and bursts show a blocked event loop, its errors an exhausted process.
missing-source-what = the application's source
missing-source-why = It shows which handlers run on the event loop and which calls block there.
missing-stacks-what = stacks of the process while requests wait
missing-stacks-why = It is unknown whether these calls on the event loop block: { $calls }.
missing-start-command-what = the start command
missing-start-command-why = It shows workers, connection limits and the listening address.
missing-containers-what = the containers' settings
missing-containers-why = They show networks, published ports, limits, and when a health check reports a container as unhealthy.

# Commands to paste; lines that begin with # say where to run the rest
collect-on-host =
    # on the host
    { $commands }
collect-timed-access-log =
    # into the http block of nginx.conf, then: { $reload }
    { $configuration }
    # after ten minutes of trouble: { $copy }
collect-error-log =
    { $commands }
    # its level must be warn or lower: { $setting }
collect-edge-log =
    # one call returns an hour at most
    { $commands }
    # If log retention is off, a Logpush job of http_requests with the same fields writes the same.
    # Cloudflare offers both for Enterprise zones only. Without them, probe through the edge and around it.
collect-process-metrics =
    # on the host, as root; Ctrl-C ends it
    { $commands }
collect-application-source =
    # /app is the folder of the source in the container, see: { $where }
    { $commands }
    # While it hangs, the stacks of its threads show the same: { $stacks }
missing-unread-what = { $file }, which could not be read
missing-unread-why = Nothing of it is in the case: { $reason }.
missing-unread-how =
    # repair { $file } or collect it again
    { $commands }
missing-unread-how-from-aws =
    # repair { $file } or collect it again
    { $commands }
    # or collect everything from AWS again
    { $pull }
