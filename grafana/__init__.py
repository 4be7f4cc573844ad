"""Dashboards for Grafana, and what it is provisioned with."""
