"""Analyses: pure functions from frames to frames; no network, no files, no clock."""
