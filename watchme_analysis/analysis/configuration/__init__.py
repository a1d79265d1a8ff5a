"""Configurations of Nginx, the edge and Compose, asked what holds for one request."""
