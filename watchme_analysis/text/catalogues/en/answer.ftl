### The short answer of a diagnosis: headline, facts, cause and steps.

# Headline
headline-failing = { $state ->
    [open] { $who } has failed on { $part } since { $start }
    [past] { $who } failed on { $part } from { $start } until the end of the data
   *[ended] { $who } failed on { $part } from { $span }
  }{ $said ->
    [error] : { $error }
   *[none] .
  }
headline-every = { $attempts ->
    [messages] every received message
   *[invocations] every invocation
  }
headline-share = { $share } of { $attempts ->
    [messages] the received messages
   *[invocations] its invocations
  }
headline-waiting = { $state ->
    [open] { $queue } has { $waiting ->
        [one] { $waiting } waiting message
       *[other] { $waiting } waiting messages
      }
    [past] { $queue } had { $waiting ->
        [one] { $waiting } waiting message
       *[other] { $waiting } waiting messages
      } at the end of the data
   *[ended] { $queue } had up to { $waiting ->
        [one] { $waiting } waiting message
       *[other] { $waiting } waiting messages
      } from { $span }
  }{ $aged ->
    [known] , the oldest for { $age }
   *[unknown] {""}
  }{ $deletes ->
    [stopped] ; nothing was deleted since { $since }.
   *[unknown] .
  }
headline-dead-letters = { $queue } { $state ->
    [open] has moved
   *[ended] moved
  } { $dead ->
    [one] { $dead } message
   *[other] { $dead } messages
  } to its DLQ{ $state ->
    [open] {" "}since { $start }.
    [past] {" "}from { $start } until the end of the data.
    [ended] {" "}from { $span }.
   *[undated] .
  }
headline-lost = { $lost } messages of { $queue } were deleted without being processed.
headline-throttled = { $state ->
    [open] { $function } has been throttled { $count } times since { $start }.
    [past] { $function } was throttled { $count } times from { $start } until the end of the data.
    [same] In this time { $function } was throttled { $count } times.
   *[ended] { $function } was throttled { $count } times from { $span }.
  }
headline-logged = { $function } logged { $error } ({ $count ->
    [one] one time
   *[other] { $count } times
  }{ $timed ->
    [known] , { $span }
   *[unknown] {""}
  }).
headline-requests = { $paths } { $how } for { $part ->
    [every] every request
    [both] { $bad } and failed for { $failed } of { $requests } requests
   *[counts] { $bad } of { $requests } requests
  } { $state ->
    [open] since { $start }
    [past] from { $start } until the end of the data
   *[ended] from { $span }
  }{ $said ->
    [error] : { $error }
   *[none] .
  }
headline-timed-out = timed out
headline-silent = gave no response
headline-status = responded with { $statuses }
headline-slow = responded late
headline-slower = took { $during } instead of { $usual }

# Facts
fact-affected-resource = Affected: { $value }
fact-first-harm = Started: { $value }
fact-state = { $state ->
    [open] Ended: not yet
    [past] Ended: not by the end of the data
    [ended] Ended: { $end }{ $after ->
        [change] {" "}({ $change })
        [none] {" "}(no change recorded)
       *[unknown] {" "}(reason unknown)
      }
   *[unknown] Open or ended: unknown
  }
fact-error-times = First and last error: { $value }
fact-data-end = Data until: { $value }
fact-data-age = { $time } ({ $age } old)
fact-preceding-change = Change before it: { $value }
fact-change-value = { $time }, { $resource }: { $change }
fact-mark = { $time }, { $change }
fact-ended-by = { $resource }: { $change }
fact-no-change = none recorded
fact-waiting-now = Waiting messages: { $value }
fact-waiting-peak = Waiting messages (peak): { $value }
fact-oldest-age-peak = Oldest message (peak): { $value }
fact-with-peak = { $known ->
    [same] { $now } at the end (the peak)
    [unknown] { $now } at the end
    [drained] { $peak } at the peak
   *[other] { $now } at the end, { $peak } at the peak
  }
fact-messages = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  }
fact-oldest-age = Oldest message: { $value }
fact-growth = Growth per hour: { $value }
fact-arrivals-stopped = Arrivals in { $queue }: none since { $since }, { $per_hour } per hour before
fact-drained-at = Drained at this rate: { $value }
fact-failed-invocations = { $attempts ->
    [messages] Failed receives: { $value }
   *[invocations] Failed invocations: { $value }
  }
fact-late-messages = Late messages: { $value }
fact-dead-letters = Moved to a DLQ: { $value }
fact-lost-messages = Lost for good: { $value }
fact-work-items = Work not done yet: { $value } (one per { $unit })
fact-failed-requests = Failed requests: { $value }{ $seen ->
    [known] {" "}(counted at: { $vantage })
   *[all] {""}
  }
fact-of-total = { $part } of { $total }
fact-of-functions = { $part } of { $total } ({ $share } over all { $functions } functions)
fact-slow-first = { $start } (slow at first, failures later)
fact-of-unknown = { $part } (total unknown)
fact-late-requests = Late requests: { $value }
fact-statuses = How they failed: { $value }
fact-statuses-value = { $kinds }
fact-response-time = Median response time: { $value }
fact-response-time-value = { $during } (usually { $usual })
fact-degradation = Slower: { $value }
fact-degradation-value = { $path }, { $during } (usually { $usual })
fact-failing-replicas = Failing replicas: { $value }
fact-failing-replicas-value = { $failing } (of { $replicas })
fact-consumer = Consumer: { $value }
fact-consumer-value =
    { $platform ->
        [ecs] ECS service
        [ec2] Auto Scaling group
        [program] Program
       *[kubernetes] Deployment
    } { $name }{ $known ->
        [known] , { $running } of { $desired } run
       *[unknown] {""}
    }
fact-host-cpu = Host CPU: { $value }
fact-host-cpu-value = up to { $during } % (before the incident up to { $before } %)
fact-error = Error: { $value }

# Cause
answer-cause-found = Cause found ({ $confidence } sure){ $state ->
    [ended] , at that time
   *[open] {""}
  }: { $title }.{ $beside ->
    [linked] {" "}Involved as well: { $linked }.
    [others] {" "}A second fault beside it: { $others }.
    [both] {" "}Involved as well: { $linked }. A second fault: { $others }.
   *[none] {""}
  }
answer-cause-named = { $title } ({ $name })
answer-cause-open = Cause open{ $known ->
    [layer] , but its place is known: { $layer }
    [layers] , but in one of these places: { $layer }
   *[none] {""}
  }. { $number ->
    [0] No evidence speaks for any of { $considered } causes.
    [one] The evidence points to { $causes }, but does not settle it.
   *[other] The evidence does not tell these apart: { $causes }.
  }{ $ruled-out ->
    [some] {" "}It excludes { $excluded }.
   *[none] {""}
  }
answer-cause-narrowed = Cause open, but known so far: { $title }.{ $number ->
    [one] {""}
   *[other] {" "}Not settled yet: { $causes }.
  }
answer-no-incident = No incident ({ $confidence } sure).
step-undo-change = Undo the change of { $resource } at { $time } ({ $change }). { $how }
step-later = Later: { $step }
step-if-it-returns = If it returns: { $step }
these-requests = these requests
step-if-cause = If it is { $cause }: { $step }
step-is-old = These data are { $age } old, so check first whether it still happens.
step-ended = It has ended: there is no service to restore.
step-collect = Collect { $what }. { $why }
facts-unknown = Unknown
answer-now = Now
answer-reasons = Reasons
answer-more = More: { $command }
unknown-lines = { $count ->
    [one] The only line of text was written by no known program: { $first }.
   *[other] { $count } lines of text were written by no known program. The first: { $first }.
 }
