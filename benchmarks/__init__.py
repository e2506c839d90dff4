"""Measurements that are no part of the package: the comparison with other stream processors."""
