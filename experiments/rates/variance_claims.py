"""Variance of one simulated estimate, as a power of N, of the radius and of d.

Each claim says that the variance falls at least as fast as stated: as N grows, as the radius grows, as d falls. A
program that takes no mean over the pairs, or omits the radius or the factor d, violates it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from experiments.catalogue.shipped_claims import REPLICATES, Preset
from experiments.rates.exact_claim import CERTIFICATE
from experiments.rates.sampled_claim import EstimateSetting, SampledClaim

PAIRS = (4.0, 16.0, 64.0, 256.0)
RADII = tuple(2.0**-k for k in range(4, 10))
DIMENSIONS = (4.0, 8.0, 16.0, 32.0)
FIRST_REPLICATES = 32

# Parameters on the circular instance, where nothing vanishes by symmetry.
_THETA = tuple(np.linspace(0.3, 2.3, 5).tolist())


def variance_claims(preset: Preset = "quick") -> list[SampledClaim]:
    """Claims: the variance is proportional to 1 / N, to 1 / radius^2, and to d^2."""

    def claim(
        name: str,
        grid: tuple[float, ...],
        setting: Callable[[float], EstimateSetting],
        exponent: float,
        limit: Literal["infinity", "zero"],
        reason: str,
    ) -> SampledClaim:
        return SampledClaim(
            name=f"variance in {name}",
            axis=name.removeprefix("the "),
            grid=grid,
            settings=tuple(setting(x) for x in grid),
            exponent=exponent,
            limit=limit,
            source=CERTIFICATE,
            reason=reason,
            replicates=REPLICATES[preset] * FIRST_REPLICATES,
        )

    return [
        claim("N", PAIRS, lambda n: EstimateSetting("circular", _THETA, int(n), 0.1), -1.0, "infinity",
              "mean of N independent pairs, simulated"),
        claim("the radius", RADII, lambda mu: EstimateSetting("circular", _THETA, 16, mu), -2.0, "infinity",
              "a difference of fixed noise over mu, simulated"),
        # All angles alike: only the number of copies varies.
        claim("d", DIMENSIONS, lambda d: EstimateSetting(f"circular-bandits-{d:g}", (0.0,) * int(d), 16, 0.1), 2.0,
              "zero", "d copies of one bandit, simulated: only d varies"),
    ]  # fmt: skip
