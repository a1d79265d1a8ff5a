"""Changes to AWS resources: planned, shown, applied on request, verified and recorded.

A remedy makes a :class:`plan.Plan`: each call as data, with its reason, what must hold before and after it,
and its undo. `apply.apply_plan` carries out any plan, with a journal (`storage.journal`) that survives kills.
What concerns messages runs for each of them: `redrive` holds them in the DLQ, sends them, confirms that they
were processed and deletes them. `queue_archive` keeps the messages of a queue in a file, and `queue_purge`
deletes what such a file holds. `redrive_plan` selects the messages of a case, an archive or a list. All hold
messages by `queue_reader.HeldMessages`, and stop by `apply.SurpriseError`. `live_queue` reads a queue with
its DLQ and function. `load_planning` makes the `load_plan.LoadPlan` that `loadtest` sends to a test system,
while `harm_watch` reads the other systems. `guard` restarts a service by a plan, evidence first.
`allowed_calls` has the calls of every remedy, for policies and for plans from files. `package_check`
changes nothing: it states whether Lambda can import the handler of a package.

Entry point: `apply.apply_plan`, `redrive_plan.plan_redrive`, `redrive.run_redrive`,
`loadtest.apply_load_test`, `package_check.check_package`.

Imports: `alarms`, `simulation`, `queues`, `cloudwatch`, `app_source` and below.

Never: loses a message, sends a message twice unless the caller requests it, or deletes what was not archived.
"""
