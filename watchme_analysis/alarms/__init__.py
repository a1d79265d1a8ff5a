"""CloudWatch alarms: evaluated, back-tested on recorded metrics, and advised on.

Entry point: `evaluation.evaluate`, `backtest.backtest`, `trials.backtest_alarms`, `advice.advise`.

Imports: `queues`, `present` and below; never `simulation`.

Never: calls CloudWatch, or creates an alarm.
"""
