### Errors of delivery.

error-event-no-system = The alarm { $alarm } is about { $names }, which no system of { $file } states: add a system, or give the name of one.
error-event-state = The alarm { $alarm } has the unknown state { $state }: it must be { $known }.
error-event-future = The event of alarm { $alarm } is from { $time }, which is in the future: check this machine's clock.
error-event-records = The event holds { $number } records: give one record per run.
error-budget-reached = The log queries of { $day } have reached { $reached }: raise it in [run], or wait for the next day in UTC.
error-bus-refused = The event bus { $bus } refused the event ({ $code }).
error-no-report-delivered = The run made no report that could be delivered.
error-report-unwritable = The report can't be written to { $folder } ({ $reason }).
error-secret-no-url = The secret holds no URL that begins with https://.
error-tls-failed = The TLS handshake failed ({ $reason }).
error-no-connection = The destination did not accept a connection within { $seconds } s.
error-destination-unreachable = The destination can't be reached ({ $reason }).
error-no-response = The destination did not respond within { $seconds } s.
error-connection-broke = The connection broke before the response ({ $reason }).
error-destination-unwritable = { $path } can't be written ({ $reason }).
error-site-copy-unwritable = The copy of the site in { $folder } can't be written ({ $reason }).
error-login-refused = { $place } refused the login ({ $code }).
error-mail-connection-broke = The connection to { $place } broke before the message was confirmed.
error-teams-error = Teams responded with HTTP error { $status }.
error-run-deadline = The run of { $system } reached its deadline of { $seconds } s before { $step ->
    [report] the report
   *[diagnosis] the diagnosis
  }: raise deadline_s in [run].
error-no-locks = The file system of { $file } has no locks ({ $reason }): state another folder as state in [run].
error-run-in-progress = A run of { $system } is in progress (process { $process } on { $host } since { $since }): wait for its end, or give --wait.
error-run-in-progress-somewhere = A run of { $system } is in progress: wait for its end, or give --wait.
error-unit-name = The system { $system } can't name a unit: use letters, digits, '.', '_' and '-'.
error-schedule-every = --every must be at least 1m.
error-cron-interval = cron can't run every { $interval }: give a divisor of an hour or a day, such as 15m.
error-secret-empty = The secret { $reference } is empty.
error-secret-missing = The secret { $reference } is missing: set the environment variable.
error-secret-no-key = The secret { $reference } is no JSON object with this key.
error-secret-unreadable = The secret { $reference } can't be read: { $reason }.
error-system-names-nothing = The system { $system } of { $file } names no queue, function or instance: state one.
error-case-without-question = The case { $case } holds no evidence for a question.
error-state-link = { $path } is a link, which a state folder has not: remove it, or state another folder as state in [run].
error-delivery-slow = The destination did not answer within { $seconds } s in all: it may have received the message.
error-delivery-unexpected = The delivery failed unexpectedly ({ $reason }).
error-state-folder = The state folder { $folder } can't be created ({ $reason }): state another one as state in [run].
error-state-unreadable = { $path } can't be read: { $reason }. Remove it to begin without what it holds.
error-state-version = { $path } has the version { $found }, not { $known }: use the release that wrote it, or remove it.
error-event-unknown = The event is not one of a CloudWatch alarm: give the JSON that EventBridge (detail-type “CloudWatch Alarm State Change”) or SNS delivers.
error-event-long = The event is longer than { $most } characters: it is not one of a CloudWatch alarm.
error-destination-status = The destination responded with { $status }.
error-mail-unreachable = { $place } can't be reached ({ $reason }).
error-mail-refused = { $place } refused the message ({ $code }).
error-as-is = { $text }
error-mail-tls = The TLS handshake with { $place } failed ({ $reason }).
error-mail-no-starttls = { $place } offers no STARTTLS: state tls for the destination.
error-mail-silent = { $place } did not respond within { $seconds } s.
error-slack-token = The secret { $reference } is no token.
error-slack-no-json = Slack's response to { $method } is not JSON.
error-slack-refused = Slack refused { $method }: { $code }.
error-slack-scope = Slack refused { $method }: { $code } (it needs the scope { $scope }).
error-notebook-failed = The notebook failed.
alarm-about-nothing = no queue, function or instance
