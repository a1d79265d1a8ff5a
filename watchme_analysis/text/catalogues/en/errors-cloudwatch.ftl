### Errors of cloudwatch.

error-sample-hidden = Messages that were read stay hidden for { $seconds } s at most, none is lost: { $problem }
error-offline-with-cache = A connection that is offline reads from the cache: leave out cache and refresh.
error-pull-names = Nothing is named: give a queue, a function, an instance or a log group, or a system of { $file }.
error-pull-max-usd = max_usd is { $value }: give a number of USD above 0.
error-connection-limit = A connection has no limit { $name }: there are max_scan_gb, usd_per_gb and deadline_s.
error-metric-period = The period { $period } is not a whole number of seconds: give 60, '5m' or '1h'.
error-price-offline = A price is estimated by asking AWS: connect without offline.
error-metrics-nothing-named = Name queues, functions or instances whose metrics you want.
error-query-no-groups = A query needs log groups: give groups, such as '/aws/lambda/*', or state log_groups of a system in { $file }.
error-no-log-group = No log group matches { $pattern } in { $target }: name one, or check profile and region.
error-insights-time = CloudWatch returned { $time } as the `@timestamp` of a row, which is no time: give computed fields another name.
error-query-language = There is no query language “{ $name }”: give one of { $known }.
error-query-groups = A query takes 1 to { $most } log groups, not { $number }: run several queries.
error-query-parameter-type = The parameter { $name } is a { $type }, not { $value }.
error-query-no-parameter = The query { $query } has no parameter { $names }; it takes { $known }.
error-query-unknown = The library has no query { $name }; it has { $known }.
error-query-needs-parameter = The query { $query } needs { $name } ({ $description }): add -p { $name }=VALUE (in Python, { $name }).
error-scan-ceiling = The queries would scan { $cost }, more than the ceiling of { $ceiling } GB: narrow the window, or raise it with --max-scan-gb (in Python, max_scan_gb).
error-metric-queries-linked = { $number } metric queries refer to each other ({ $first }, { $second }, ..), and CloudWatch takes { $most } in a call: split their expressions.
error-cache-lacks = The cache lacks { $name }{ $has ->
    [window] { " " }for { $window }
   *[none] { "" }
  }: run once without --offline (in Python, offline).
error-cancelled = The work was cancelled.
error-aws-call = { $service }:{ $call } in { $target }: { $problem }.
error-aws-unavailable = AWS can't be called ({ $problem }): give --profile and --region, or configure them.
error-no-region = No region is configured: give --region (in Python, region), or set AWS_REGION.
error-other-region = { $resource } is in { $stated }, but the region is { $region }: give --region { $stated } (in Python, region).
error-unknown-region = AWS has no region { $region }: correct --region, or the region of the profile. { $near }
error-aws-refused = { $call } in { $target } returned { $code }: { $text }
error-aws-refused-silently = { $call } in { $target } returned { $code }
error-aws-busy = { $problem }: the account already runs its largest number of queries. Try again, or stop some.
error-aws-every-attempt = { $problem }, in every attempt: try again later.
error-aws-credentials = { $problem }: log in again, or give another --profile.
error-aws-clock = { $problem }: check this machine's clock, or log in again.
error-aws-denied = { $problem }: `watchme case pull --print-policy` prints the permissions needed.
error-aws-not-found = { $problem }: check name, region and profile.
error-aws-request = { $problem }: check the request (names, parameters, window).
error-aws-no-response = { $call } in { $target } did not respond ({ $problem }): check the network, try again.
error-aws-no-call = { $call } in { $target } can't be called ({ $problem }): log in, or give another --profile.
cache-log-groups = log groups below { $prefix }
cache-account = the account of { $target }
target = { $region } { $profile }
target-default-region = the default region
