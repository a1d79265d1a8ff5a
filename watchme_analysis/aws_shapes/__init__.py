"""Rows of AWS responses, whether fetched live or read from files that the AWS CLI wrote.

Entry point: `responses` (documents, times, numbers); one module per service: `sqs`, `lambda_functions`,
`alarms`, `cloudtrail`, `metric_points`, `metric_statistics`, `insights_results`.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `files`, `text`, `redact`.

Never: calls AWS, or imports boto3.
"""
