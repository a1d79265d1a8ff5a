"""AWS asked live: one client, names, policies, what was answered before."""
