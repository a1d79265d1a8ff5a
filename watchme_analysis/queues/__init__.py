"""Queue, consumer and DLQ on one time grid: accounting, anomalies, DLQ messages, work done and missed.

Entry point: `pipeline.pipelines`, `accounting.balance_frame`, `anomalies.analyse_queues`,
`work_items.work_items`.

Imports: `aws_shapes`, `stats` and below.

Never: weighs evidence for a cause, or sends a message.
"""
