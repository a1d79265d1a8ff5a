"""A discrete-event simulation of queues, pollers, functions and APIs, fitted to a case."""
