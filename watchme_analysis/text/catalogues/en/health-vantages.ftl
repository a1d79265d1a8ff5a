### What callers, probes inside and probes on the host met, and which paths were bad.

health-host-bad-inside-clear = { $bad } of { $probes } host probes of { $paths } were bad while callers outside were served badly, and the inside was fine.
health-inside-clear = From inside the container { $paths } responded well while callers outside were served badly ({ $good } of { $probes } probes, median { $median }).
health-inside-bad = From inside the container { $paths } responded as badly as from outside ({ $bad } of { $probes } probes bad, median { $median }).
health-some-paths = { $calm } of the same service did well while { $paths } did not.
health-all-paths = All requested paths of the service were bad: { $paths }.
health-one-onset = Paths of several services were bad from one moment on, { $since }, while other paths did well ({ $services }): from then on the first request of each of { $paths } paths was bad.
