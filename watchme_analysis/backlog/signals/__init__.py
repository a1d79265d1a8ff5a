"""Signals of one queue, by their place on the chain that a message passes.

Entry point: the list `DETECTORS` of each module; `queue_context.QueueContext` is what a detector receives.

Imports: `backlog.context`, `backlog.rows`, `backlog.changes`, `inference`, `queues`.

Never: knows a cause. The files in `backlog/causes` say what a signal means for each cause.
"""
