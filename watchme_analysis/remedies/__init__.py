"""Changes to the world: planned, shown, applied on request, verified and recorded.

Entry point: `redrive.redrive`.

Imports: `queues`, `cloudwatch` and below.

Never: loses a message, or sends one twice without being asked to.
"""
