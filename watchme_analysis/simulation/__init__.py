"""A discrete-event simulation of queue, poller, function and API, fitted to a case.

Entry point: `model` (the fit), `scenarios.compare` (measures with intervals).

Imports: `queues`, `present` and below; never `alarms`.

Never: reads files, uses the network or a clock, or returns a figure without its interval.

`queue`, `pipeline`, `api` and `event_calendar` are the kernel; `fit` and `calibration`
choose settings; `setting_changes`, `durations` and `throttling` describe inputs.
"""
