"""Changes to AWS resources: planned, shown, applied on request, verified and recorded.

Before a deployment, `package_check` reads a function's package and states whether Lambda can import its
handler; it changes nothing.

Entry point: `redrive.redrive`, `package_check.check_package`.

Imports: `queues`, `cloudwatch`, `app_source` and below.

Never: loses a message, or sends a message twice unless the caller requests it.
"""
