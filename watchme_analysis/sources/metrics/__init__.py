"""CloudWatch metrics asked live: which, at which period, complete."""
