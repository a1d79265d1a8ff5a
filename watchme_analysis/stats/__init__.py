"""Statistics of times and series: intervals and their scans, correlation, gaps, clock skew, onsets.

Entry point: `intervals.Interval`; `interval_scan` finds them. `comparison`, `metric_onsets`, `clock_skew`,
`time_pairs` and `gaps` are one function or two each.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`); numpy, pandas and scipy
inside of functions.

Never: reads files, uses the network, or knows a cause or a table of one question.
"""
