"""Sink pagerduty: alarms as PagerDuty alerts (Events API v2)."""
