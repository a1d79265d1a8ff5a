### Errors of remedies.

error-topic-region = The topic { $topic } is not in { $region }: alarms notify topics of their own region.
error-topic-encrypted = The topic { $topic } is encrypted with { $key }, so CloudWatch can't publish to it: use a key of your own whose policy allows cloudwatch.amazonaws.com, or another --topic.
error-topic-unconfirmed = The topic { $topic } has no confirmed subscription, so its alarms would notify nobody: confirm one, or give --email.
error-alarms-untestable = None of these alarms can be tested: each has no enabled action, is in ALARM already, has a rule that its members can't fulfil, or does more than notify.
error-alarm-other-watched = The alarm { $name } exists and watches something else: rename it, or rename the requirement. Nothing is planned.
error-journal-other-plan = { $path } is the journal of another plan: give another --journal.
error-journal-other-remedy = { $path } is the journal of another remedy: give another --journal.
error-plan-file-changed = { $path } has changed since the plan was made: make a new plan.
error-plan-file-unreadable = { $path }, a file of the plan, can't be read ({ $reason }).
error-plan-reference = The plan refers to { $name }, which no earlier step kept: make a new plan.
error-deploy-no-reports = The log of { $function } states no invocation without an error (SystemLogLevel WARN), so the watch would see nothing: set it to INFO, or give --watch 0.
error-function-image = The function { $function } runs a container image: only zip packages are deployed here.
error-package-size = { $package } has { $bytes } bytes zipped; an upload to the API may have 50 MiB.
error-code-not-running = The downloaded code of { $function } is not the one that runs: try again.
error-code-not-downloaded = The current code of { $function } can't be downloaded ({ $problem }), so there would be no way back.
error-guard-evidence-late = It was not saved: the time for evidence was over.
error-guard-cooldown = --cooldown must not be shorter than --recovery: a restart needs time to work.
error-guard-export-instance = Give --ssm with the id of one EC2 instance, such as i-0123456789abcdef0, or state it for the system in watchme.toml.
error-guard-command-failed = `{ $command }` ended with { $code }: { $output }
error-guard-command-unavailable = `{ $command }` can't be run ({ $problem }).
error-guard-command-timeout = `{ $command }` did not end within { $seconds } s.
error-guard-remote-failed = `{ $command }` on { $instance } ended as { $status }: { $error }
error-guard-remote-timeout = `{ $command }` on { $instance } did not end within { $seconds } s.
error-journal-unwritable = The journal { $path } can't be written ({ $reason }): nothing is done.
error-journal-unreadable = The journal { $path } can't be read ({ $reason }).
error-journal-stops = The journal { $path } can't be written ({ $reason }): the run stops here.
error-journal-in-use = Another run uses the journal { $path }: wait until it has ended.
error-runtime-unknown = The runtime { $name } is unknown: use one of { $known }.
error-handler-form = The handler { $handler } has not the form MODULE.FUNCTION, such as { $example }.
error-architecture-unknown = The architecture { $name } is unknown: use x86_64 or arm64.
error-package-missing = { $path } does not exist: give the zip or folder of a function.
error-package-kind = { $path } is neither a zip nor a folder.
error-package-large = The package unpacks to more than is read: { $limit }.
error-package-no-zip = { $path } can't be read as a zip: { $problem }.
error-package-many-files = { $folder } has more than { $most } files: give the folder of a function.
error-plan-unreadable = The plan { $path } can't be read ({ $reason }).
error-plan-foreign = { $path } is not a plan: write one with `watchme … plan CASE --to { $target }`.
error-plan-remedy = { $path } is a plan of `{ $remedy }`, which applies no plans: make one with a command such as `watchme settings plan`.
error-plan-call = { $path } is refused, and nothing was called: { $reason ->
    [operation] a plan of `{ $remedy }` never calls { $call }
    [reading] a condition of a plan only reads, and { $call } is no reading of `{ $remedy }`
    [parameter] a plan of `{ $remedy }` never calls { $call } with this { $part }
    [resource] a step calls { $call } on { $part }, which it does not name as its resource
    [nameless] no known parameter of { $call } names what it changes
    [place] { $call } is for { $part }, which is outside the plan's account and region
   *[file] { $call } would upload { $part }, which is not beside the plan
  }. Make a new plan.
error-archive-exists = { $path } exists: choose another place for the archive.
error-archive-unreadable = The archive { $path } can't be read ({ $reason }).
error-archive-damaged = { $path } is not a whole archive of a queue ({ $problem }): write one with `watchme queue archive`.
error-purge-journal-remedy = { $path } is the journal of another remedy: move it away.
error-purge-journal-archive = { $path } is the journal of another archive: move it away.
error-queue-with-redrive = { $queue } has a redrive policy of its own: reading its messages would raise their receive count and could move them to another queue. Give a dead-letter queue.
error-visibility-below-timeout = The measure sets a visibility timeout of { $hidden } s below the function timeout of { $timeout } s, which Lambda refuses: choose another --measure.
error-setting-differs = { $name } of { $queue } is { $has ->
    [nothing] not set
   *[value] { $live }
  } now, but { $had ->
    [nothing] not set
   *[value] { $simulated }
  } in the case, so the simulation is of another system: pull a new case.
error-redrive-journal = { $path } is the journal of another remedy: give another --journal.
error-plan-reading = { $call } yields nothing for { $select }: make a new plan.
error-fifo-name = { $name } is no name of a FIFO queue: use at most 75 letters, digits, hyphens and underscores before .fifo with --name.
error-fifo-exists = The queue { $queue } exists, and differs in { $names }: choose another --name.
error-fifo-already = { $queue } is a FIFO queue already: `watchme simulate` shows what else would help it.
error-fifo-mappings = The queue { $queue } has { $number } event source mappings, { $enabled } of them enabled: a migration is planned for exactly one, and it must be enabled.
error-fifo-polled = { $queue } is polled by another function: choose another --name.
error-fifo-no-key = No key is known that names the group of a message: give --group-key, or `item_keys` under [work_items] in watchme.toml.
error-fifo-variable = The variable { $variable } of { $function } { $is_set ->
    [no] is not set
   *[yes] names another queue
  }: --switch needs the variable that holds URL, ARN or name of { $queue }.
error-fifo-not-applied = The plan was not applied yet: `watchme fifo apply PLAN` begins the count.
error-fifo-queue-or-plan = Give a QUEUE, or --after PLAN.
error-fifo-switch = --switch { $text } is not FUNCTION:VARIABLE.
archive-damage-end = it has no end
archive-damage-format = its format is another one
archive-damage-body = the body of { $message } does not have the hash that SQS stated
archive-damage-hash = its hash does not fit its content
archive-damage-cut = a line is cut off
