"""Names seed the runs: two that seed the same run are refused, however many there are."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from experiments.catalogue.shipped_claims import controls, sharpened_claims, stated_claims
from experiments.rates.floor_claims import floor_claims
from experiments.rates.tasks import require_different
from theory import InputError

# Different words of one checksum.
PLUMLESS, BUCKEROO = "plumless", "buckeroo"


def test_names_of_the_same_checksum_are_refused() -> None:
    """A check of names alone would let their runs draw the same numbers."""
    assert zlib.crc32(PLUMLESS.encode()) == zlib.crc32(BUCKEROO.encode())
    with pytest.raises(InputError, match="'plumless' and 'buckeroo', which draw the same numbers; change one"):
        require_different([PLUMLESS, "other", BUCKEROO])
    with pytest.raises(InputError, match="got 'plumless' twice"):
        require_different([PLUMLESS, "other", PLUMLESS])


def test_a_million_names_are_told_apart_or_refused() -> None:
    """Names that differ in their number alone have different checksums; of 300,000 others some 10 pairs do not."""
    require_different([f"claim {k}" for k in range(1_000_000)])
    mixed = [hashlib.md5(str(k).encode()).hexdigest() for k in range(300_000)]
    with pytest.raises(InputError, match="which draw the same numbers"):
        require_different(mixed)


def test_no_two_shipped_claims_share_a_stream() -> None:
    names = [claim.name for claim in (*stated_claims(), *sharpened_claims(), *controls(), *floor_claims())]
    require_different(names)
