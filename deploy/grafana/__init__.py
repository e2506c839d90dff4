"""Grafana over the store and Prometheus: dashboards as code, a data source and how to provision them (README.md)."""
