### Health probes: progress, result and errors.

probe-seen = { $status } in { $seconds } s
probe-not-written = NOT WRITTEN: { $reason }
probe-written = { $rows ->
    [one] { $rows } probe
   *[other] { $rows } probes
  } written to { $file }{ $lost ->
    [0] { "" }
   *[other] , { $lost } could not be written
  }
probe-published = { $points ->
    [one] { $points } point
   *[other] { $points } points
  } of { $metric } written{ $lost ->
    [0] { "" }
   *[other] , { $lost } could not be written: { $problem }
  }
probe-price = HealthCheckFailed of { $urls ->
    [one] { $urls } URL
   *[other] { $urls } URLs
  } in { $place } costs about { $usd } USD a month at the list price of us-east-1.
error-probe-ascii = { $url } can't be probed: write it in ASCII without spaces.
error-probe-ascii-example = { $url } can't be probed: write it in ASCII without spaces, such as { $example }.
error-probe-url = { $url } can't be probed: give an http or https URL such as https://example.com/health.
error-probe-header = { $place } is not a header: write NAME: VALUE, in one line of ASCII.
error-probe-file = { $path } holds something else than probes: give another file with --to.
error-probe-system = The system { $system } has no { $needed ->
    [health] health, and api unless health is a URL
   *[port] port
  }: give a URL, or state it in { $file }.
