### Alarms that are planned, exported and tested.

alarm-plan = { $count ->
    [0] Alarms that notify { $topic }: nothing to change
    [one] One alarm that notifies { $topic }
   *[other] { $count } alarms that notify { $topic }
  }
alarm-description = { $rule } on { $resource }.
alarm-step = { $what ->
    [update] It changes the alarm on { $resource } to { $rule }. Its other actions and tags stay.
   *[create] It creates an alarm on { $resource }: { $rule }.
  }
alarm-reason = { $alarm }: { $evidence }
alarm-evidence-fires = { $dead ->
    [0] At { $moment } it would have fired, { $after } after the first failure;
   *[other] At { $moment } it would have fired, { $after } after the first failure, when { $held } of { $dead } messages were in the DLQ;
  } { $false ->
    [0] no false alarm in { $span }.
    [one] one false alarm in { $span }.
   *[other] { $false } false alarms in { $span }.
  }
alarm-evidence-silent = It would not have fired for the incident that began at { $moment }; { $false ->
    [0] no false alarm in { $span }.
    [one] one false alarm in { $span }.
   *[other] { $false } false alarms in { $span }.
  }
alarm-evidence-calm = The case has no incident; { $false ->
    [0] no false alarm in { $span }.
    [one] one false alarm in { $span }.
   *[other] { $false } false alarms in { $span }.
  }
alarm-evidence-elsewhere = The incident of the case was elsewhere; { $false ->
    [0] no false alarm in { $span }.
    [one] one false alarm in { $span }.
   *[other] { $false } false alarms in { $span }.
  }
alarm-evidence-none = The case lacks the metric, so the alarm was not back-tested.
alarm-age-is-never-reached = { $alarm } on { $queues } cannot fire for failing messages. A message that always fails moves to the DLQ after { $receives } receives × { $visibility } visibility timeout = { $total }, and the alarm needs an age above { $needed }. It fires only if nothing polls the queue. For failures, use the alarm on the DLQ or an age above { $better }.
alarm-duration-is-never-reached = { $alarm } on { $functions } cannot fire. Its threshold is { $threshold }, and Lambda ends each invocation after { $timeout }.
alarm-without-dlq = { $queue } has no DLQ, so no alarm can watch one. Failing messages return until they expire.
alarm-without-url = { $alarm } needs the URL of a health check: give --health-url.
alarm-without-timeout = { $alarm } on { $function } is left out, because the timeout of the function is unknown.
alarm-without-resource = { $alarm } is left out, because { $resource } was not found.
alarm-composite-not-better = The composite alarm { $alarm } on { $queues } is left out: by the back-test, it is not better than its members.
alarm-covered = { $alarm } is not created, because { $other } has the same rule and notifies somebody.
alarm-actions-disabled = The actions of { $alarm } are disabled, and stay so.
alarm-unchanged = { $count ->
    [one] One alarm is as planned already: { $alarms }.
   *[other] { $count } alarms are as planned already: { $alarms }.
  }
alarm-topic-step = It creates the SNS topic { $topic }.
alarm-subscribe-step = It subscribes { $email }. SNS sends a mail with a link to confirm.
alarm-to-confirm = Nobody is notified until a subscription is confirmed through the link in the mail to { $emails }.
alarm-topic-without-subscription = Nobody is notified until { $topic } has a confirmed subscription.
alarm-topic-key = { $topic } is encrypted with { $key }. The policy of this key must allow cloudwatch.amazonaws.com to use it.
alarm-cost = { $count ->
    [one] One alarm costs { $usd } USD a month at the list price of us-east-1.
   *[other] { $count } alarms cost { $usd } USD a month at the list price of us-east-1.
  }
alarm-verify-plan = { $count ->
    [one] Test of the notification of one alarm
   *[other] Test of the notifications of { $count } alarms
  }
alarm-verify-step = It sets { $alarm } to ALARM once. Its history must show that { $actions } was executed.
alarm-verify-member = It sets { $member } to ALARM, so that the rule of { $alarm } holds.
alarm-verify-notified = The history of { $alarm } must show that { $actions } was executed.
alarm-verify-left = { $alarm } must leave ALARM after its members were set back.
alarm-verify-rule = { $alarm } was not tested, because no set of its metric alarms in ALARM makes its rule hold.
alarm-verify-acts = { $alarm } was not tested, because a change of state of { $acting } does more than notify.
alarm-verify-unmarked = The notification of { $alarms } names the members that were set, and does not say that it is a test. Announce it first.
alarm-restore-step = It sets { $alarm } back to { $state }.
alarm-verify-silent = { $alarm } was not tested, because it has no enabled action.
alarm-verify-in-alarm = { $alarm } was not tested, because it is in ALARM already.
alarm-verify-risk = People receive a notification that says that it is a test.
alarm-health-check-cost = The health check costs about { $usd } USD a month at the list price of us-east-1, beside its metric and alarm.

## Back-test on the terminal

alarms-column-alarm = alarm
alarms-column-kind = kind
alarms-column-on = on
alarms-column-rule = rule
alarms-kind-required = required
alarms-kind-existing = existing
backtest-no-start = { $known ->
    [calm] no incident
   *[unknown] the start of an incident is not recorded
  }: every alarm that fires counts as false
backtest-incident = incident from { $start } ({ $zone })
backtest-no-reaction = no reaction of people is recorded: give --noticed to compare alarms with it
backtest-noticed = people noticed by { $time }: { $how }
backtest-noticed-option = as --noticed states
backtest-standard = { $alarm } is the alarm { $label } of the specification.
backtest-not-evaluated = not evaluated, because the case lacks what they monitor: { $alarms }
backtest-better = better: { $alarm } on { $resource }: { $finding }
backtest-instead = instead: { $instead }; then it { $effect }
