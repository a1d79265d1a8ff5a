"""Changes to AWS resources: planned, shown, applied on request, verified and recorded.

A remedy makes a :class:`plan.Plan`: each call as data, with its reason, what must hold before and after it,
and its undo. `apply.apply_plan` carries out any plan, with a `journal` that survives a kill. A redrive sends
messages instead of changing settings, and has its own journal. `package_check` changes nothing: it states
whether Lambda can import the handler of a package.

Entry point: `apply.apply_plan`, `redrive.redrive`, `package_check.check_package`.

Imports: `queues`, `cloudwatch`, `app_source` and below.

Never: loses a message, sends a message twice unless the caller requests it, or deletes what was not archived.
"""
