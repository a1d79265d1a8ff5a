### Simulated measures: their names, the fit and its assumptions, results, tables and figures.

# Measures, alone and combined. In English they are names that options and JSON refer to.
measure-quoted = “{ $measure }”
measure-as-configured = as configured
measure-function-timeout = function timeout { $seconds } s
measure-visibility-timeout = visibility timeout { $seconds } s
measure-visibility-factor = visibility timeout { $factor } x function timeout
measure-receives = { $receives } receives before the DLQ
measure-maximum-concurrency = maximum concurrency { $limit }
measure-reserved-guide = reserved { $limit }, as AWS's guide describes it
measure-reserved-at-once = reserved { $limit }, throttled batches given up at once
measure-three-settings-reserved = timeout { $timeout } s, visibility { $visibility } s, { $receives } receives, reserved { $limit }, given up at once
measure-three-settings-maximum = timeout { $timeout } s, visibility { $visibility } s, { $receives } receives, maximum concurrency { $limit }
measure-fifo = FIFO, a group for each sender
measure-breaker = circuit breaker
measure-restart = restart after { $checks } failed health checks
measure-together = timeout { $timeout } s, visibility { $visibility } s, { $receives } receives, maximum concurrency { $limit } and restart
measure-load = { $factor } x load
measure-load-with = { $factor } x load with { $measure }

# The simulated queue
simulated-queue = { $queue } and its function{ $known ->
    [named] {" "}{ $function } are simulated.
   *[unknown] {" "}are simulated.
  }
simulated-settings = Configured: { $settings }.
simulated-reserved-concurrency = reserved concurrency { $limit }
simulated-no-limit = no limit of concurrency
simulated-no-dlq = no dead-letter queue
simulated-batches = batches of { $messages }
simulated-fifo = FIFO

# Assumptions of the fit
fit-timeout-assumed = The function's timeout is unknown: { $timeout } is assumed.
fit-queue-assumed = The queue's attributes are unknown: a visibility timeout of { $visibility } and a retention of { $retention } are assumed.
fit-no-redrive-policy = No redrive policy is known, so no message moves to a DLQ in the simulation.
fit-receives-of-dlq = No redrive policy is known: { $receives } receives are assumed, as the messages in the DLQ show.
fit-service-time = The usual service time is { $usual }, with a coefficient of variation of { $variation }. It differs in { $intervals ->
    [one] { $intervals } interval
   *[other] { $intervals } intervals
  } of { $period }.
fit-fixed-time = This is the time for one message. Each invocation takes another { $fixed }.
fit-fixed-time-unknown = This is the time for one message. Batch sizes vary too little to estimate a fixed part of an invocation.
fit-cut-off = In { $intervals } of these intervals, most invocations reached the timeout. Their full duration is extrapolated, and so is the effect of a longer timeout.
fit-capacity = The metrics do not contain the capacity and health of the API. So durations stay as measured whatever the load, unless `watchme simulate --api-slots` states a capacity. A restart is assumed to cure the cause of invocations longer than half the timeout.
fit-waiting-left-out = The simulation leaves out { $messages ->
    [one] { $messages } message that waited
   *[other] { $messages } messages that waited
  } at the start.
fit-paused = Nothing was received for { $paused } although messages waited. The simulation has the same pauses.
fit-groups = { $source ->
    [messages] A FIFO queue is simulated with { $groups } message groups, as many as its messages name.
   *[assumed] A FIFO queue is simulated with { $groups } message groups, which is an assumption.
  }
fit-groups-nearest = { $groups } message groups reproduce the record best.
fit-arrivals-nearest = The messages of an interval are assumed to arrive in its first { $width }, which reproduces the record best.
fit-order-nearest = { $order ->
    [later] Messages that return are received after those that wait
   *[first] Messages that return are received before those that wait
  }, which reproduces the record best. SQS does not guarantee an order.
fit-retries-nearest = Throttled batches are retried every { $interval }, which reproduces the record best. AWS does not publish the interval.
fit-backoff-nearest = The poller reduces its batches to { $factor } after a minute in which more than { $share } of its attempts failed, but not below { $least }. This reproduces the record best. AWS does not publish it.
fit-changed-visibility = The visibility timeout was changed { $after } after the start of the window. Before, { $value } is assumed, { $factor } times the function's timeout.
fit-changed-reserved = The reserved concurrency was changed { $after } after the start of the window. Before, nothing was throttled, so no limit is assumed.
fit-changed = { $setting ->
    [visibility_timeout_s] The visibility timeout
    [max_receive_count] The number of receives before the DLQ
    [reserved_concurrency] The reserved concurrency
    [max_concurrency] The maximum concurrency
   *[function_timeout_s] The function timeout
  } was changed { $after } after the start of the window. The value before is unknown, so the first recorded value is assumed.

# Results
estimate = { $spread ->
    [none] { $mean }
   *[some] { $mean } ± { $half }
  }
measures-no-help = No measure keeps these messages out of the DLQ. Remove the cause of the failures first, then redrive the messages.
measures-best = “{ $measure }” is the best measure: { $figures }.
measures-restart-assumed = A restart is assumed to cure what makes invocations slow: try it manually first.
measures-instead = { $figure ->
    [dead_lettered] { $then } messages in the DLQ instead of { $now }
    [lost] { $then } messages whose work is lost instead of { $now }
    [duplicates] { $then } duplicates instead of { $now }
   *[peak_age_s] a longest wait of { $then } instead of { $now }
  }
measures-now = As configured: { $figure ->
    [dead_lettered] { $now } messages in the DLQ
    [lost] { $now } messages whose work is lost
    [duplicates] { $now } duplicates
   *[peak_age_s] a longest wait of { $now }
  }.
measures-lower = { $figure ->
    [peak_age_s] Shorter with { $measures }.
   *[other] Fewer with { $measures }.
  }
measures-higher = { $figure ->
    [peak_age_s] Longer with { $measures }.
   *[other] More with { $measures }.
  }
measures-unmoved = No measure changes this beyond the spread of the simulations.
measures-value = “{ $measure }” ({ $value })
measures-warning = WARNING: reserved concurrency sends healthy messages to the DLQ, because each throttled receive counts. Messages in the DLQ without a failed invocation: { $measures }. { $assumption ->
    [guide] This follows AWS's guide on throttling.
   *[at_once] This is the worst case that AWS's guide leaves open: a throttled batch is given up at once.
  } { $mapped ->
    [unknown] {""}
    [none] With a maximum concurrency, there are none.{" "}
   *[some] With a maximum concurrency, there are { $others }.{" "}
  }Limit the maximum concurrency of the event source mapping instead: the poller then receives only what the function can process.
measures-doubt = READ WITH CARE: { $figure ->
    [peak_visible] the peak backlog of { $queue } was { $recorded } messages
    [peak_age_s] the oldest message of { $queue } had an age of { $recorded }
   *[dead_lettered] { $recorded } messages of { $queue } were in the DLQ
  } on record; the simulation with the same settings has { $simulated } ({ $lowest } to { $highest }).

# Tables
measures-caption = Effect of each measure in the simulation
measures-runs = { $count ->
    [one] Figures of a single simulation per measure, which has no interval: their spread is unknown.
   *[other] Means of { $count } simulations ± half the width of their 95 % intervals. Without an interval, all simulations had the same result.
  }
measures-note = Every row has the same arrivals, except those with ten times the load. Never failed: in the DLQ without a failed invocation, because throttled receives count. Drain: the longest interval in which messages had waited for over a minute, from the sending of the first of them; “not” where simulations ended with messages left.
measures-recorded = recorded
measures-not-drained = not
column-measure = measure
column-in-dlq = in DLQ
column-never-failed = of them never failed
column-work-lost = work lost
column-done-twice = work done twice
column-peak-backlog = peak backlog
column-oldest-min = oldest (min)
column-drain-min = drain (min)
column-throttles = throttles
agreement-caption = Agreement of the simulation with the record
agreement-none = The case has no figure with which the simulation could be compared.
agreement-near = yes
agreement-far = no: the results are unreliable
agreement-figure-peak-visible = peak backlog (messages)
agreement-figure-peak-age-s = oldest message
agreement-figure-dead-lettered = messages in the DLQ
column-figure = figure
column-recorded = recorded
column-simulated = simulated
column-single-runs = single simulations
column-within-a-fifth = within 20 %

# Figures
measures-figure-none = Nothing was simulated.
measures-panel-dead-lettered = messages in DLQ
measures-panel-duplicates = work done twice
measures-panel-peak-age-s = oldest (min)
measures-alt = Messages in the DLQ, work done twice and age of the oldest message by measure, with 95 % intervals. { $measure }: { $figures }.
measures-alt-figure = { $figure } { $value }
throttling-line = reserved { $limit }, { $poller ->
    [scales] poller only scales up
   *[backs_off] poller backs off
  }, retry every { $interval }
throttling-line-maximum = maximum concurrency { $limit }
throttling-panel = visibility timeout { $seconds } s
throttling-axis-tried = throttled batch dropped after (s)
throttling-axis-share = in DLQ without failure (%)

# Reserved against maximum concurrency
throttling-advice = Limit a worker with the maximum concurrency of the event source mapping, not with the reserved concurrency of the function.
throttling-maximum-none = With maximum concurrency { $limit }, no healthy message moves to the DLQ, whatever the assumption.
throttling-maximum-some = With maximum concurrency { $limit }, up to { $share } of the healthy messages move to the DLQ.
throttling-reserved = With reserved concurrency { $limit } and a visibility timeout of { $visibility }, healthy messages move to the DLQ under { $losing } of { $count } assumptions. Their share is { $documented } if the poller backs off and retries until the visibility timeout has passed, as AWS's guide describes it. It is { $earlier } if the poller stops earlier, and { $scaling } if it only scales up.

# The command
simulate-load = { $senders ->
    [one] One sender sends
   *[other] { $senders } senders send
  } a message every { $interval } for 8 hours{ $together ->
    [together] , all at the same time
   *[spread] {""}
  }; { $slots ->
    [one] an API of one slot
   *[other] an API of { $slots } slots
  }; { $runs }, seed { $seed }
simulate-fitted = { $queue }; fitted to { $case }; { $runs }, seed { $seed }
simulate-runs = { $count ->
    [one] { $count } replication
   *[other] { $count } replications
  }
column-unfailed = never failed
column-lost = lost
column-duplicates = duplicates
simulate-legend-never-failed = never failed: in the DLQ without a failed invocation, because throttled receives count too
simulate-legend-lost = lost: in the DLQ or expired without completed work; duplicates: work completed more than once
simulate-legend-drain = drain: the longest interval in which messages waited for over a minute; “not” if a replication ended with messages left
simulate-legend-reserved = as AWS's guide describes it: a poller that backs off retries a throttled batch until the visibility timeout has passed. AWS does not publish how often, so “given up at once” is the worst case (`watchme report what-if` simulates the range between)
