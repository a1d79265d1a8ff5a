### What the edge did with the requests, by its log, its configuration and its settings.

health-edge-passes-on = The edge added nothing: it passed on { $passed } of { $bad } bad requests of { $paths }, and the origin took the time or returned the bad response.
health-edge-passes-on-by-probes = Nginx logged { $bad } of { $requests } requests of { $paths } as bad as the probes met them.
health-fate-held-by-edge-detail = The edge holds requests of { $paths } that the origin responds to in { $origin }.
health-fate-edge-responded-detail = The edge responds to { $paths } itself with { $statuses }.
health-edge-cache-status = The most frequent cache status of these is { $cache }.
health-fate-sent-elsewhere-detail = The edge sends { $paths } to { $origins } instead of { $usual }.
health-edge-impatient = The edge timed out { $ended } of { $bad } bad requests of { $paths } after { $cut }, while the endpoint takes up to { $needs } when all is well (Nginx logged 499).
health-edge-impatient-detail = The edge waits { $cut } for { $paths }, which needs up to { $needs }.
health-edge-never-arrived-by-probes = No request of { $paths } reached Nginx during the incident, while { $others } other requests did. Before the incident, { $before } requests of these paths did.
health-outside-bad-nginx-fine = Nginx served { $paths } well ({ $bad } of { $requests } bad, median { $median }) while { $bad_probes } of { $probes } probes from outside were bad.
health-outside-bad-nginx-fine-detail = Something before Nginx delays or fails { $paths }: Nginx responds in { $median }.
health-edge-not-reached = { $early } of { $bad } bad probes from outside sent no request, or lost their time while connecting, before they sent it. Requests of { $paths } from other callers were served in { $median } (median of { $served }). So the way from the prober to the edge is in question, not a response.
health-edge-wrong-host = Callers request { $name } from the edge, and { $renamed } of { $refused } requests that Nginx itself responded badly to are for { $given }: the edge changes the host name.
health-edge-wrong-host-configured = The edge requests { $given } from Nginx, and callers request { $name }. Nginx passes { $path } on for { $served }, but not for { $given }.
health-edge-wrong-host-detail = The edge requests { $given } instead of { $name }.
health-edge-renames-unjoined =
    { $number ->
        [one] Nginx logged none of { $lost } bad requests of { $paths } that the edge passed on. It logged { $hits } of { $other } with the same status { $status }, which nobody requested from the edge.
       *[several] Nginx logged none of { $lost } bad requests of { $paths } that the edge passed on. It logged { $hits } of paths such as { $other } with the same status { $status }, which nobody requested from the edge.
    }
health-edge-renames-unjoined-detail =
    { $number ->
        [one] The edge requests { $other } instead of { $paths }.
       *[several] The edge requests paths such as { $other } instead of { $paths }.
    }
health-edge-renames = Nginx logged { $renamed } of { $bad } bad requests of { $paths } under another path than callers requested from the edge, such as { $other } for { $path }.
health-edge-renames-detail = The edge requests { $other } instead of { $path }.

# Configuration and settings
health-edge-rule = The edge's configuration treats { $paths } differently from the paths that did well.
health-edge-setting = A rule of the edge's settings applies to { $concerned } of { $count } kinds of bad requests of { $paths }, and to { $others } of those that did well.
health-rule-edge-setting = Rule { $rule } of the edge ({ $condition }): { $effect }.
health-rule-edge-settings-more =
    { $count ->
        [one] { $count } more rule does so.
       *[other] { $count } more rules do so.
    }
health-rule-edge-location = Location { $location } of the edge sets { $settings }.
health-setting = { $setting }
health-setting-elsewhere = { $setting } (elsewhere { $other })
health-setting-default = the default
health-setting-asks-for = { $setting }, which requests { $path }
health-setting-cache-lock = a cache lock ({ $lock }) without { $valid }, so that responses that may not be cached pass one at a time
health-setting-cache-errors = a cache that keeps error responses ({ $setting })
health-setting-cache-ignores = a cache that ignores headers ({ $setting })
health-edge-settings-rejected = A part of the edge's settings was rejected or truncated; the import names it.
health-edge-rule-unknown = Whether the edge's rule { $rule } applies to { $paths } depends on { $fields }, which is unknown.
health-edge-rule-unread = A part of the edge's rule { $rule } was not understood: { $problem }.
health-edge-setting-unread = A setting of the edge names the path, but was not understood: { $setting }.
