"""Statistics of times and series: interval scan, gaps, clock skew, onsets.

Entry point: `interval_scan.scan`, `metric_onsets`, `clock_skew`, `time_pairs`, `gaps`.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`); numpy, pandas and scipy
inside of functions.

Never: reads files, uses the network, or knows a cause or a table of one question.
"""
