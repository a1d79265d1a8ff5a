### Tables and figures of the alarms page.

alarms-none-fired = No alarm fired in this window.
alarms-panel = in alarm
alarms-panel-noticed = in alarm (dotted: people noticed)
alarms-alt = Times in alarm, one line each: { $alarms }. The incident is shaded.
backtest-never-fired = Never fired: { $alarms }.
alarms-not-evaluated = Not evaluated: { $alarms } ({ $reasons })
alarm-still = still in alarm
alarm-over-dlq = each dead-letter queue
alarm-over-function = each function
alarm-over-queue = each queue
alarm-over-probes = health checks
alarm-advice-caption = Improvements and their effect
alarm-advice-none = None: each alarm can do what it is for on these queues and functions.
sensitivity-none = No threshold or M of N makes an alarm fire for the incident.
sensitivity-axis = threshold; numbers beside a mark: false alarms per week
sensitivity-never = never
sensitivity-delay = min after start
sensitivity-alt = First time in alarm against threshold, a line for each M of N. { $alarms }.
sensitivity-alt-alarm = { $alarm } on { $resource }: { $after } after the start
datapoints-to-alarm = { $m } of { $n }
backtest-caption = Alarms that would have fired
existing-alarms-caption = Existing alarms, by the same rules
existing-alarms-none = The case holds no alarm: alarms.json is empty or missing.
rules-caption = Alarms of the specification
ranges-caption = First time and number of times fired, by assumption
ranges-note = CloudWatch does not publish how many periods it evaluates if some are missing (N + 2 in its examples). Nor does it publish the state while only a few young points exist and breach: it is kept here, else `insufficient` or `ok`.
ranges-none = No difference: with evaluation ranges of N + 0 to N + 5 periods, and any state for a few young breaching points, every alarm fires at the same times.
column-then-cleared = then cleared
column-after-the-start = after the start
column-before-people = before people
column-times-fired = times fired
column-false-a-week = false a week
column-rule = rule
column-over = over
column-backtest-shows = result of the back-test
column-effect-of-change = effect
column-better = better
alarms-first-lacking = None of these alarms could be evaluated: the case lacks the metrics that they monitor.
alarms-first-none = None of these alarms would have fired.
alarms-first-only-false = None of these alarms would have fired for the incident without false alarms as well.
alarms-first-vain = No incident: { $alarms } would have fired falsely.
alarms-first-quiet = No incident: no alarm would have fired falsely.
alarms-first-best = { $alarm } on { $resource } would have fired first without false alarms{ $calm ->
    [calm] {" "}or repetitions
   *[repeated] {""}
  }: { $after } after the start{ $noticed ->
    [later] {" "}and { $lead } before people noticed
   *[unknown] {""}
  }, at { $time } ({ $fired ->
    [one] { $fired } time
   *[other] { $fired } times
  } in this window).
alarms-first-by-then = By then { $seen } of { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } were seen in dead-letter queues; { $seen ->
    [0] { $rest }
   *[other] the other { $rest }
  } could still be kept out of them.
alarms-first-sooner = { $alarm } on { $resource } fires { $after } after the start, but { $fired ->
    [one] { $fired } time
   *[other] { $fired } times
  } for one incident, which people learn to ignore: see the advice.
alarms-first-quietest = { $alarm } on { $resource } fires least often: { $fired ->
    [one] { $fired } time
   *[other] { $fired } times
  }, first { $after } after the start.
alarms-spared = The incident began with { $what } on { $resource } at { $time }. One test message after this change, and a rollback on its failure, would have kept all { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } out of the dead-letter queue.
detect-no-incident = No incident in this window: every alarm below that fires is a false alarm.
detect-nobody = The incident began at { $start } ({ $zone }). No reaction of people is recorded: no alarm fired, and nobody changed an affected resource. Set the parameter noticed to compare alarms with it.
detect-noticed = The incident began at { $start } ({ $zone }). People noticed by { $time }, { $late } later: { $how }.
detect-stated = as the parameter says
detect-alarm = the alarm { $alarm } fired
detect-change = { $user } called { $event } on { $resource }
trial-no-state = No state of its alarms is known.
trial-depends = It depends on { $alarms }, which could not be evaluated.
trial-no-timeout = The timeout of { $resource } is not in the case.
trial-not-static = Not a static threshold over metrics: such an alarm can't be evaluated.
trial-no-metric = { $metric } ({ $stat }) of { $resource } is not in the case.
trial-coarse = Points of { $period } s only: it can have fired up to { $earlier } s earlier.
trial-no-samples = SampleCount is not in the case: evaluated always.
advice-unreachable = A message that always fails moves to the DLQ after { $receives } receives × { $visibility } s = { $lasts } s. An age above { $threshold } s occurs only in an unpolled queue: failures do not fire it.
advice-unreachable-recorded = A message that always fails moves to the DLQ after { $receives } receives × { $visibility } s = { $lasts } s, and the highest recorded age is { $highest } s. An age above { $threshold } s occurs only in an unpolled queue: failures do not fire it.
advice-lower = age above { $limit } s, and an alarm on the first message in the DLQ
advice-lower-calm = age above { $limit } s, { $points } of { $periods } points, and an alarm on the first message in the DLQ
advice-too-few = It is invoked in at most { $most } of { $periods } periods of { $period } s, so { $points } periods can never breach, even if all invocations fail.
advice-one-of-one = 1 of 1
advice-average = On the average, the alarm { $average }; on the maximum, it { $maximum }.
advice-flapping = It fires { $fired ->
    [one] { $fired } time
   *[other] { $fired } times
  } for one incident. Missing points are treated as { $treated }, so each gap clears it.
advice-ignore-missing = ignore missing points, which keeps the state
effect-unchanged = is unchanged
effect-not-evaluated = can't be evaluated ({ $reason })
effect-never = never fires
effect-not-for-it = does not fire for the incident{ $is_vain ->
    [some] , { $false_alarms } false alarms a week
   *[none] , no false alarm
  }
effect-fires = fires { $minutes } min after the start, { $fired ->
    [one] { $fired } time
   *[other] { $fired } times
  } in total{ $is_vain ->
    [some] , { $false_alarms } false alarms a week
   *[none] , no false alarm
  }
trial-unknown = Unknown here, so without data: { $alarms }.
alarm-rule = { $kind ->
    [checks] { $what } { $sign } { $limit }, each check
    [timeout] { $what } { $sign } { $limit } % of the timeout, { $period } s
   *[value] { $what } { $sign } { $limit }, { $period } s
  }, { $points } of { $periods }
alarm-threshold = { $value }{ $unit ->
    [seconds] { " " }s
    [percent] { " " }%
    [timeout] { " " }% of the timeout
   *[count] { "" }
  }
