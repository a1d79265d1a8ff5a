### What callers, probes inside and probes on the host met, and which paths were bad.

health-host-bad-inside-clear = { $bad } of { $probes } host probes of { $paths } were bad while callers outside were served badly, and the inside was fine.
health-inside-clear = From inside the container { $paths } responded well while callers outside were served badly ({ $good } of { $probes } probes, median { $median }).
health-inside-bad = From inside the container { $paths } responded as badly as from outside ({ $bad } of { $probes } probes bad, median { $median }).
health-some-paths = { $calm } of the same service did well while { $paths } did not.
health-all-paths = All requested paths of the service were bad: { $paths }.
health-pool-paths =
    { $elsewhere ->
        [other-threads] Only endpoints that run on the thread pool were bad ({ $bad }); those on the event loop or on other threads did well ({ $good }).
       *[loop] Only endpoints that run on the thread pool were bad ({ $bad }); those on the event loop did well ({ $good }).
    }
health-loop-paths-pool-well = Endpoints on the event loop were bad too ({ $bad }), and those that need a thread did well ({ $good }).
health-handler-off-pool = The bad endpoints ({ $bad }) run on the event loop and need no thread.
health-loop-paths-too = Endpoints on the event loop were bad as well ({ $bad }).
health-one-onset = Paths of several services were bad from one moment on, { $since }, while other paths did well ({ $services }): from then on the first request of each of { $paths } paths was bad.
