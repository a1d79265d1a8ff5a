### The layer of an incident: fates of bad requests, and what they exclude.

health-fate-limited = { $count } of { $bad } bad requests of { $paths } were refused by a limit of Nginx ({ $span }).
health-fate-too-large = { $count } of { $bad } bad requests of { $paths } were refused by Nginx for their size ({ $span }).
health-fate-nginx-resources = { $count } of { $bad } bad requests of { $paths } failed because Nginx lacked a resource ({ $span }).
health-fate-nginx-responded = { $count } of { $bad } bad requests of { $paths } got Nginx's own response; no upstream was contacted ({ $span }).
health-fate-unresolved = { $count } of { $bad } bad requests of { $paths } failed because no name server had an address for { $upstream } ({ $span }).
health-name-server-fails = Nginx's name server did not respond, or failed, { $lines } times: { $error }.
health-name-unknown = Nginx's name server did not know the name { $lines } times: { $error }.
health-fate-tls-failed = { $count } of { $bad } bad requests of { $paths } failed in the TLS handshake between Nginx and { $upstream } ({ $span }).
health-fate-refused = { $count } of { $bad } bad requests of { $paths } failed because { $upstream } refused the connection; nothing listened there ({ $span }).
health-fate-unreachable = { $count } of { $bad } bad requests of { $paths } failed because { $upstream } was unreachable ({ $span }).
health-fate-connect-timeout = { $count } of { $bad } bad requests of { $paths } failed because no connection to { $upstream } was established ({ $span }).
health-fate-connection-dropped = { $count } of { $bad } bad requests of { $paths } failed because { $upstream } closed the connection before the response was complete ({ $span }).
health-fate-header-timeout = { $count } of { $bad } bad requests of { $paths } ended at Nginx's time limit while { $upstream } was connected and had not responded ({ $span }).
health-fate-body-timeout = { $count } of { $bad } bad requests of { $paths } ended at Nginx's time limit in the middle of the response of { $upstream } ({ $span }).
health-fate-invalid-response = { $count } of { $bad } bad requests of { $paths } failed because Nginx could not use the response of { $upstream } ({ $span }).
health-fate-unavailable = { $count } of { $bad } bad requests of { $paths } got status 503 ({ $span }).
health-fate-upstream-gave-up = { $count } of { $bad } bad requests of { $paths } got status 502, 503 or 504 from the upstream itself: no page of Nginx has the size of the response, and its configuration sets no other ({ $span }).
health-fate-application-error = { $count } of { $bad } bad requests of { $paths } got status 500 or 501 from the application ({ $span }).
health-fate-rejected = { $count } of { $bad } bad requests of { $paths } were rejected or redirected ({ $span }).
health-fate-slow-connect = { $count } of { $bad } bad requests of { $paths } spent their time connecting to { $upstream } ({ $span }).
health-fate-slow-header = { $count } of { $bad } bad requests of { $paths } waited for the response of { $upstream }, which was connected ({ $span }).
health-fate-slow-nginx = { $count } of { $bad } bad requests of { $paths } spent their time in Nginx itself ({ $span }).
health-fate-held-by-edge = { $count } of { $bad } bad requests of { $paths } were slow or failed at the edge, not at Nginx ({ $span }).
health-fate-edge-responded = { $count } of { $bad } bad requests of { $paths } got the edge's response; Nginx did not receive them ({ $span }).
health-fate-never-arrived = { $count } of { $bad } bad requests of { $paths } failed at the edge; Nginx did not receive them ({ $span }).
health-fate-sent-elsewhere = { $count } of { $bad } bad requests of { $paths } were sent to another origin by the edge ({ $span }).
health-fate-edge-tls-failed = { $count } of { $bad } bad requests of { $paths } failed in the TLS handshake between the edge and Nginx ({ $span }).
health-the-upstream = the upstream
health-only-connects-fail = Only connecting failed; { $served } connected requests were served as usual.
health-one-route-unconnected = All failed connections of { $paths } were to { $upstream }, while { $others } beside it were served.
health-connects-well = All { $late } requests that timed out were connected, and no connection failed meanwhile.
health-same-upstream-served = { $others } of the same upstream ({ $upstream }) were served well meanwhile ({ $served } requests).
health-served-between = Between its first and last failure { $paths } was served { $served } times.
health-routed-well = { $upstream } served { $served } other requests well between the bad ones.
health-all-routes = All routes of the service were affected: { $paths }.
health-check-affected = A health check was affected: { $paths }.
health-waits-for-nothing = { $paths } usually responds within { $usual }, as quickly as { $other } ({ $quickest }), the quickest route of the service: it usually waits for no dependency.
health-served-beside = While { $overtaken } of { $bad } bad requests of { $paths } waited, later requests of the same route were served.
health-closed-at-once = { $closed } of { $bad } bad requests were connected and closed at once, while { $served } others of the same routes were served.
health-arrivals-stopped = Nginx received no request of { $path } ({ $span }), while { $others } requests of other routes arrived.
health-arrivals-held = Something before Nginx held or answered them, or they were not sent.
health-arrived = Of { $total } requests and probes that are recorded, { $bad } were slow or failed.
health-callers-stopped = { $callers } callers of { $path } stopped at the same time.
health-layer-named = The fault lies in { $layer } ({ $probability }).
health-layers-left = { $number ->
    [none] The evidence excludes every layer, so it contains more than one fault or contradicts itself.
    [one] The fault lies here: { $layers }. The other layers are excluded.
   *[several] The fault lies in one of these layers: { $layers }. The other layers are excluded.
  }
health-edge-not-cleared = No endpoint was bad for long in Nginx's log. That log cannot clear the edge, which may hold or refuse requests before Nginx.
layer-client = the callers
layer-edge = the edge
layer-nginx = Nginx
layer-network = the network between Nginx and the application
layer-process = the application's process
layer-dependency = a dependency of the application
check-fate = fate of requests
check-connecting = connecting
check-names = name servers
check-packets = packets
check-routing = routing
check-routes = routes
check-beside = others beside

health-reloaded-at-onset = Nginx loaded its configuration at { $at }, when { $paths } began to fail.

health-reloaded-at-end = Nginx loaded its configuration again at { $at }, when the failures ended.

health-not-reloaded = Nginx did not load its configuration when the incident began ({ $span }), and it logs when it does.
check-reload = reloads of Nginx

health-none-connected = Nginx tried to connect to { $upstream } for { $bad } requests, and no connection came about in that time.

check-reload-at-the-end = reload at the end

health-refused-past-inside = { $services } refused { $errors } connections, while all { $probes } probes inside the container were answered well. The address served requests before.

health-refused-past-inside-detail = The process answers inside its container, and { $services }, which served requests before, refuses connections.
check-published-port = published port
