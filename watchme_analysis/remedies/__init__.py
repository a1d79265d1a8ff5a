"""Changes to AWS resources: planned, shown, applied on request, verified and recorded.

Entry point: `redrive.redrive`.

Imports: `queues`, `cloudwatch` and below.

Never: loses a message, or sends a message twice unless the caller requests it.
"""
