"""Digests of values by their content, including code from user modules."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle
import joblib

from experiments.catalogue import user_modules


def content_digest(value: Any) -> str:
    """Digest of a value's content."""
    try:
        return str(joblib.hash(value))
    except (pickle.PicklingError, AttributeError, TypeError):
        with by_value():
            return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()


@contextmanager
def by_value() -> Iterator[None]:
    """Pickle code from user modules by value, and not by the name of its module."""
    modules = [m for m in list(sys.modules.values()) if user_modules.is_users(m) and m.__name__ != "__main__"]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
