"""Queues and their functions: flows, balances, signs, dead letters and the work in them."""
