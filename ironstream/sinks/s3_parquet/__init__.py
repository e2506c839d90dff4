"""Parquet files in a bucket or a directory."""
