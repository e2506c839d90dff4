"""Compile all kernels into the user's cache, so that no worker has to: `python -m ironstream.kernels`."""

from __future__ import annotations

import importlib
import pkgutil

import ironstream.kernels

if __name__ == "__main__":
    for module in pkgutil.iter_modules(ironstream.kernels.__path__, "ironstream.kernels."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
