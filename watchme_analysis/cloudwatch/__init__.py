"""AWS in, frames out: CloudWatch metrics, Logs Insights and the state of queues and functions.

Entry point: `metrics.get_metrics`, `insights.cached.get_log_rows`, `account_state`, `session.Aws`.

Imports: `aws_shapes`, `files` and below; boto3 inside of `session`.

Never: changes anything in an account, or depends on a case or a question.
"""
