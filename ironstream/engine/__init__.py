"""Faust in batches: the only place that knows Faust's insides."""
