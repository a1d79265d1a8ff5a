"""CloudWatch Logs Insights: queries planned, asked, watched, cached and put together."""
