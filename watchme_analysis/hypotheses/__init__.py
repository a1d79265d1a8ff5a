"""Hypotheses: one registered function per cause, weighed against each other by question."""
