"""CloudWatch alarms: evaluation, back-test on recorded metrics, and advice.

Entry point: `evaluation.evaluate`, `backtest.backtest`, `trials.backtest_alarms`, `advice.advise`.

Imports: `queues`, `present` and below; never `simulation`.

Never: calls CloudWatch, or creates an alarm.
"""
