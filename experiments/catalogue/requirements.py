"""Stub."""

from __future__ import annotations


def require_sound(kind: str, name: str, component: object) -> None:
    """Nothing yet."""
