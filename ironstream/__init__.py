"""ironstream reads machines and makes their data trustworthy."""

__version__ = "0.1.0"
