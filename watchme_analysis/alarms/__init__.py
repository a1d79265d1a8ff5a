"""CloudWatch alarms: evaluated, back-tested on recorded metrics, and advised on.

Entry point: `evaluation.evaluate`, `backtest.backtest`, `trials.try_alarms`, `advice.lessons`.

Imports: `queues`, `present` and below; never `simulation`.

Never: calls CloudWatch, or creates an alarm.
"""
