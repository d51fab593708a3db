"""The inversions with built-in names: ways to read votes."""

from __future__ import annotations

from experiments.catalogue.lookup import Kind
from experiments.catalogue.requirements import require_sound
from theory import HaldaneAnscombe, Inversion, Jackknife, MajoritySign, Trimmed

INVERSIONS: dict[str, type[Trimmed | HaldaneAnscombe | Jackknife | MajoritySign]] = {
    "trimmed": Trimmed,
    "haldane-anscombe": HaldaneAnscombe,
    "jackknife": Jackknife,
    "majority-sign": MajoritySign,
}


def _accepted(text: str, found: object) -> Inversion:
    require_sound("inversion", text, found)
    inversion: Inversion = found  # type: ignore[assignment]  # as just checked
    return inversion


def _summary(inversion: type) -> str:
    return (inversion.__doc__ or "").strip().splitlines()[0]


KIND: Kind[Inversion] = Kind(
    "inversion",
    lambda: {name: _summary(k) for name, k in INVERSIONS.items()},
    lambda name: INVERSIONS[name](),
    _accepted,
)
