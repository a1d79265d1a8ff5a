### Output of commands that answer no question.

config-heading-setting = setting
config-heading-value = value
config-heading-source = source
config-heading-kind = stated by
config-kind = { $kind ->
    [option] option
    [environment] environment
    [file] file
    [user-file] user file
   *[default] default
  }
config-ignored = note: { $path } was found and is not trusted, so these settings have no effect: { $keys }. Read it, then trust it with `watchme config trust { $path }`.
config-trusted = { $path } is trusted until it changes.
config-trusted-keys = Settings that now have an effect: { $keys }.
config-init-refused = Not looked up: { $reason }
config-init-ecs = { $system }: ECS services that have the queue in their environment: { $services }. Remove from log_groups what only sends to it.
config-init-functions = { $count ->
    [one] { $count } function has
   *[other] { $count } functions have
  } no queue and { $count ->
    [one] is
   *[other] are
  } in no system: { $functions }.
config-init-many-queues = Of { $count } queues, the first { $read } were read: choose the queues with --queue.
config-init-several-apis = The functions of { $system } name several URLs: { $urls }. State the one of the API as api.
config-init-several-health = { $file } has several health endpoints: { $path } was chosen. The others are { $others }.
config-init-several-ports = { $file } passes requests to several ports: { $ports }. State the one of the service as port.
config-init-several-services = { $file } has several services with a health check over HTTP: { $services }. State health and port yourself.
config-init-nothing = Nothing was found: { $file } holds a template.
config-init-written = { $file } was written: { $systems ->
    [0] it has no system yet
    [one] it has { $systems } system
   *[other] it has { $systems } systems
  }.
print-note = note: { $text }

command-stopped = stopped
command-see-help = Try { $command } --help.
command-missing = Missing { $name }.
command-no-option = No such option: { $name }.
command-did-you-mean = Did you mean { $words }?
command-invalid = Invalid value for { $name }: { $problem }
command-no-room = No room is left ({ $file }): make room where the command writes and in { $folder }, or let TMPDIR name another folder for what is passing.
command-file = { $file } can't be read or written: { $reason }. Check the path and your rights.
config-heading-found = found
config-checked = { $names ->
    [one] { $names } name
   *[other] { $names } names
  } checked, { $wrong } with a problem.
config-unset = { $meaning ->
    [package] those of the package
    [aws] chosen by AWS's own settings
    [messages] learned from the messages
   *[none] none
  }
demo-evidence = The evidence: { $case }
lab-notebooks = Your notebooks: { $folder }
schedule-none = No timer is installed. `watchme schedule install` shows one.
schedule-done = Done.
schedule-unchanged = Nothing was changed. Give --yes to change { $kind }.

## Sentences of click, which are its own in English

click-integer = { $value } is not a valid integer.
click-number = { $value } is not a valid number.
click-range = { $value } is not in the range { $range }.
click-no-path = { $value } does not exist.
click-is-folder = { $value } is a folder.
click-is-file = { $value } is a file.
click-no-rights = The rights on { $value } are missing.
click-extra = Got unexpected extra arguments ({ $value }).
click-needs-value = Option { $value } requires an argument.
click-no-value = Option { $value } does not take a value.
click-no-command = Missing command.
report-cell = cell { $number } of { $cells }
report-index = Index: { $file }
config-source-aws = AWS settings in force
config-source-redrive = RedrivePolicy of { $queue }
config-source-variable = variable { $name } of { $function }
config-source-health-check = health check of { $service } in { $file }
