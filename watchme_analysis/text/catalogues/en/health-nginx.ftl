### What Nginx did with the requests, by its logs and its configuration.


# Kinds of lines in Nginx's error log
nginx-error-upstream-timeout-connect = timeout while connecting
nginx-error-upstream-timeout-header = timeout while waiting for the response header
nginx-error-upstream-timeout-body = timeout while reading the body
nginx-error-upstream-queue-full = socket of the upstream full
nginx-error-upstream-refused = connection refused
nginx-error-upstream-unreachable = host unreachable
nginx-error-upstream-reset = connection reset
nginx-error-upstream-closed = connection closed early
nginx-error-limit-req = request rate limit
nginx-error-limit-conn = connection limit
nginx-error-no-live-upstream = no live upstream
nginx-error-worker-connections = no free worker_connections
nginx-error-open-files = no free file descriptor
nginx-error-resolver = unresolved name of the upstream
nginx-error-upstream-timeout-send = timeout sending the request
nginx-error-upstream-invalid = invalid response
nginx-error-upstream-disabled = upstream disabled for a time
nginx-error-buffering-to-disk = buffered to disk
nginx-error-disk-full = disk full
nginx-error-request-too-large = request too large
nginx-error-denied = access denied
nginx-error-missing-file = missing file
nginx-error-client-invalid = invalid request
nginx-error-client-closed = closed by the client
nginx-error-worker-crash = worker crashed
nginx-error-tls = TLS error
nginx-error-configuration = configuration error
nginx-error-reload = reload
nginx-error-startup = start
nginx-error-shutdown = stop
nginx-error-other = other
nginx-location = location { $location }
nginx-location-of = the location of { $paths }

# Observations
health-nginx-passes-on = Nginx passed { $passed } of { $bad } bad requests to { $services }, their usual upstream, and waited for it.
health-nginx-alone-by-app-log = Nginx responded to { $refused } of { $bad } bad requests of { $paths } with { $statuses }. The application logged { $logged } responses in that time, { $same } of them with these statuses.
health-nginx-alone-detail = Nginx responds in { $place } with { $statuses } itself.
health-moved-upstream = { $moved } of { $bad } bad requests of { $paths } went to { $address }, which has never responded well, instead of { $usual }.
health-moved-upstream-detail = Nginx passes requests in { $place } to { $address }, which no other path uses and which has never responded well.
health-moved-upstream-errors = { $errors } of { $total } errors on { $address }: { $kind }.
health-moved-upstream-status = { $responses } of { $total } responses have status { $status }.
health-moved-upstream-by-errors = { $errors } of { $total } errors on { $paths } name { $address } ({ $kind }), while other paths go to { $usual }.
health-moved-upstream-by-errors-detail = Nginx passes requests in { $place } to { $address }, which no other path uses ({ $errors } errors: { $kind }).
health-nginx-impatient = Nginx timed out { $ended } of { $bad } bad requests of { $paths } after { $cut }, while the endpoint takes up to { $needs } when all is well.
health-nginx-impatient-detail = Nginx waits { $cut } in { $place } for an endpoint that needs up to { $needs }.
health-nginx-sets = The configuration sets { $setting }.
health-nginx-mangles = The application responded to { $refused } of { $bad } bad requests of { $paths } with { $status } as Nginx passed them on.
health-nginx-mangles-detail = Nginx passes on requests in { $place } that the application responds to with { $status }.
health-nginx-renames = The application responded with { $status } to { $times } requests of paths such as { $path }, which it was not asked for before. Nginx logged { $logged } requests of { $paths } with { $status }.
health-nginx-renames-detail = Nginx passes requests in { $place } on as { $path }, which the application responds to with { $status }.
health-nginx-unaccepted = Nginx's error log has { $lines } lines ({ $span }): { $kind }. Connections that Nginx did not accept are in no access log.
health-nginx-short-of = Nginx's error log has { $lines } lines: { $kind }.
health-nginx-short-of-detail = Nginx reports: { $kind }.
health-nginx-limits-detail = A limit of Nginx applied in { $place } { $times } times ({ $kind }).
health-fate-tls-failed-detail = Nginx connects to its upstream with TLS in { $place }, and { $times } handshakes failed.
health-header-too-big = The application responded to { $paths }, and Nginx discarded { $lost } responses, as their header was too big for its buffer.
health-header-too-big-detail = Nginx's buffer in { $place } is too small for the header of the application's responses.
health-dead-server = { $errors } of { $total } upstream errors on { $paths } name { $address } ({ $kind }), which serves nothing well, though { $usual } serves these paths.
health-dead-server-detail = Nginx uses { $address } beside { $usual } for the same paths, and it never responds well ({ $kind }).
health-stale-address = The process started { $at } and has not ended since, while { $failed } connections to { $address } failed, which served before.
health-stale-address-container = { $failed } connections to { $address } failed, which served before, while the container of that name runs at { $runs_at }.
health-stale-address-moved = Afterwards it was served at { $usual }.
health-stale-address-detail = Nginx ({ $place }) asks for { $address }, the address of its upstream from before the container was created anew ({ $failed } connections failed).
health-one-replica = { $bad } of { $requests } requests to { $failing } were bad, and { $well } of { $of_others } to the other servers of the same routes ({ $others }) were served well.
health-one-replica-by-lines = All { $bad } bad requests of which a server is known failed at { $failing }. No line of the error log names the other servers of the same routes ({ $others }), and { $well } requests were served well meanwhile.
health-server-down = { $servers } is marked { $mark } in the upstream that Nginx passes { $path } to.
health-server-down-others = The other servers, { $left }, serve nothing.
health-nginx-rule = Nginx's configuration treats { $paths } differently from the paths that did well.
health-nginx-plain = Nginx's configuration treats { $paths } as it treats the paths that did well.
health-no-limit-in-force = No limit and no `return` of Nginx applies to { $paths }: { $count } responses with 503 came from behind Nginx.
health-rule-nginx-location = Location { $location } of Nginx sets { $settings }.

health-wrong-port = { $address } refused { $errors } connections for { $paths }. By its start command the process listens on { $listens }.

health-wrong-port-detail = Nginx passes requests in { $place } to { $address }, where nothing listens; the process listens on { $listens }.
check-upstream-port = port of the upstream
health-keepalive-race = { $dropped } of { $bad } bad requests were dropped by the upstream without a response. Nginx keeps an idle connection for { $kept }, the upstream closes it after { $closed }, and the process did not end.
health-keepalive-race-detail = Nginx keeps idle connections to the upstream for { $kept }, and the upstream closes them after { $closed }: a request that is sent at that moment is dropped.
