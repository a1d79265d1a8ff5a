### Errors of services.

error-topic-needed = Give the name or ARN of an SNS topic with --topic; it is created if it is missing.
error-alarms-several-specs = The systems { $systems } state different alarms: name one file with --spec, or plan each system by itself.
error-alarms-nothing-named = Nothing is named: give a CASE, or --live with --queue, --function or a system.
error-alarms-nothing-to-watch = The case { $case } has no queue or function: there is nothing to watch.
error-alarm-missing = The alarm { $alarm } does not exist in { $target }.
error-backtest-no-times = The case { $case } has no times: there is nothing to try alarms on.
error-check-log-group = No log group in { $region } has this name: correct it, or the region.
error-check-file = There is no such file: correct the path.
error-no-cause = There is no cause { $cause }. Causes: { $known }.
error-no-cause-near = There is no cause { $cause }. { $near } Causes: { $known }.
error-cause-other-question = The case { $case } has no evidence for { $question }, to which { $cause } belongs.
error-collect-nothing-named = Nothing is named: give --queue, --function, --instance or --log-group.
error-collect-no-queue = Nothing is named: give --queue or --function, or a system.
error-raw-folder = { $folder } is not an empty folder: give a new one for the raw responses.
error-deploy-no-message = The case { $case } has no DLQ message for { $function } (event sources: { $known }): give an event with --event.
error-event-unreadable = The event { $path } can't be read ({ $reason }).
error-event-no-json = The event { $path } is not JSON: { $problem }.
error-case-no-question = The case { $case } holds no evidence that a question needs (tables: { $tables }): import more of it.
error-question-unknown = The question { $question } is unknown: use one of { $known }.
error-question-no-evidence = The case { $case } has no evidence for { $question }: it needs one of the tables { $tables }, which { $command } collects. { $meanings } { $others }
error-window-no-times = The case { $case } has no times, so that a window can't be cut from it.
error-window-empty = A window from { $window } is empty: swap its bounds. { $covered }
error-not-in-case = The { $kind ->
    [endpoint] endpoint
   *[queue] queue
  } { $name } does not occur in the case { $case }: it knows { $known }.
error-guard-no-probes = The case { $case } has no probes of { $path } (paths: { $known }): nothing to back-test.
error-no-queue-matches = No queue in { $target } has a name like { $patterns }: correct it.
error-no-nginx-server = { $path } has no server of Nginx: give nginx.conf, or the output of nginx -T.
error-no-compose-services = { $path } has no services: give a compose file.
error-settings-no-help = No change of settings alone helps { $queue } in the simulation without making something worse: `watchme simulate` shows the other measures. { $traded }
error-settings-mappings = The queue { $queue } has { $number } event source mappings: settings are planned for exactly one.
error-redrive-unknown-queue = The case { $case } has no queue { $queue }: its queues are { $known }.
error-queue-url-missing = The URL of { $queue } is not in the case: its queues are { $known }.
error-archive-queue-missing = The queue that the messages of the archive are for is missing: give --queue NAME.
error-redrive-nothing = There is no message to redrive: nothing is sent.
error-redrive-several-queues = The messages are for several queues: give --queue, one of { $queues }.
error-redrive-url-unknown = The URL of { $queues } is unknown, so nothing is sent: write the list with --to and add the URL, or pull the queue's attributes into the case.
error-redrive-file-unreadable = { $path } can't be read ({ $reason }).
error-redrive-file-foreign = { $path } is neither an archive of a queue nor a list of `watchme redrive`.
error-case-no-queue = The case { $case } has no queue { $queue }: its queues are { $known }.
error-template-same = The template has neither { $item } nor { $day }: every message would be the same.
error-question-other = It has evidence for { $question }.
error-window = { $start } to { $end } ({ $zone })
error-window-covered = The case { $case } covers { $window }.
error-window-outside = The case { $case } covers { $window } and holds nothing { $side ->
    [after] from { $time } on
   *[before] before { $time }
  }.
error-measure = The measure { $measure } does not help by settings alone{ $known ->
    [0] .
   *[other] : choose one of { $names }.
  }
error-settings-traded = With --measure, one that also raises a figure: { $names }.
error-nothing-retrieved = Nothing could be retrieved: { $reasons }
