"""Objectives and alerts as data, and what is made from them: rules for Prometheus, dashboards for Grafana."""
