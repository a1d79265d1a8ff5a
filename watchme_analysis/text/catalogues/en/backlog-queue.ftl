### Observations on a queue: its senders, its settings, and the poller that receives its messages.

# Senders
backlog-arrivals-usual = { $by ->
    [sent] Arrivals at { $queue } kept their usual rhythm.
   *[invocations] The function of { $queue } was invoked in its usual rhythm; arrivals themselves were not counted.
  }
backlog-arrivals-rose = { $when ->
    [before] { $queue } had { $arrivals } arrivals from { $span }, { $ratio } times the usual number. They rose before the first trouble.
    [after] { $queue } had { $arrivals } arrivals from { $span }, { $ratio } times the usual number. They rose only after the first trouble.
   *[no-trouble] { $queue } had { $arrivals } arrivals from { $span }, { $ratio } times the usual number. No message waited because of them.
  }

# Settings
backlog-receives = { $attempts ->
    [messages] Messages of { $queue } were received { $received } times: { $sent } were sent, and { $failed } messages failed.
   *[invocations] Messages of { $queue } were received { $received } times: { $sent } were sent, and { $failed } invocations failed.
  }
backlog-receives-throttled = Throttled deliveries count as receives as well.
backlog-receives-beyond = The receives without a reason began at { $since }.
backlog-visibility-timeout = The visibility timeout of { $queue } is { $limit }, and long invocations take { $duration } (90th percentile of the maximum duration).
backlog-function-timeout = The timeout of the function is { $timeout }.
backlog-visibility-below-advice = The visibility timeout of { $queue } is { $limit } and the timeout of its function { $timeout }; AWS advises { $times } times that, since a throttled batch is tried again meanwhile.
backlog-hidden-long = From { $since } on, up to { $hidden ->
    [one] { $hidden } message of { $queue } was
   *[other] { $hidden } messages of { $queue } were
  } in flight for hours, although no invocation processed them. The visibility timeout is { $limit } and the function’s timeout { $timeout }, so messages stay hidden for a long time after a failed attempt.
backlog-deleted-repeatedly = { $queue } has { $deletes ->
    [one] { $deletes } more delete
   *[other] { $deletes } more deletes
  } than messages.

# Polling
backlog-polled = Messages of { $queue } were received throughout: none waited for long without a receive.
backlog-unpolled = Messages waited in { $queue } for { $lasted } from { $since } on, and none was received.
backlog-unpolled-by-consumer = Messages waited in { $queue } for { $lasted } from { $since } on, and none was received: its consumer{ $consumer ->
    [known] {""}
   *[unknown] , which the data does not show,
  } is stopped, hangs or is not connected.
backlog-waiting-behind-disabled-mapping = { $waiting ->
    [one] { $waiting } message
   *[other] { $waiting } messages
  } waited in { $queue } when its attributes were read, and its event source mapping is disabled.
backlog-mapping-off = The event source mapping of { $queue } to { $function } is in the state { $state }.
backlog-unmatched-receives = { $received ->
    [one] { $received } receive of { $queue } reached no invocation of { $function }, from { $span }.
   *[other] { $received } receives of { $queue } reached no invocation of { $function }, from { $span }.
  }
backlog-unmatched-filtered = The messages were deleted: the filter of the event source mapping drops messages that match none of { $patterns }.
backlog-unmatched-deleted = The messages were deleted: the filter of an event source mapping drops them, or another consumer receives them.
backlog-unmatched-deleted-without-filter = The messages were deleted: another consumer receives them, or the event source mapping had a filter at that time. It has none now.
backlog-unmatched-returned = The messages returned to the queue: another consumer receives them, such as a person who views them in the console, or Lambda cannot start the function.
backlog-consumer-stopped = { $platform ->
        [ecs] ECS service { $name } is set to 0 tasks
        [ec2] Auto Scaling group { $name } is set to 0 instances
       *[kubernetes] Deployment { $name } is set to 0 replicas
    }, and { $running } run.
backlog-consumer-breaks = { $platform ->
        [ecs] Tasks of the ECS service
        [ec2] Instances of the Auto Scaling group
       *[kubernetes] Pods of the Deployment
    } { $name } ended or did not start { $count } times ({ $running } of { $desired } run): { $reason }
backlog-consumer-runs = { $platform ->
        [ecs] ECS service { $name } runs { $running } of { $desired } tasks.
        [ec2] Auto Scaling group { $name } has { $running } of { $desired } instances in service.
       *[kubernetes] Deployment { $name } has { $running } of { $desired } replicas ready.
    }
