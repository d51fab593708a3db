"""Claims on curves: E|grad V(theta_t)|^2 of a run that starts near an optimum is the one that the law predicts.

A floor does not show how fast it is reached. The curve does, again without free constants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.catalogue.claims import Point
from experiments.catalogue.shipped_claims import Preset
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_claims import METHODS
from theory import Logistic
from theory.errors import InputError

# Where the curve is read, in mixing times after the start; fixed beforehand.
CHECKPOINTS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Runs of a claim. A reading of one iterate varies by half of its mean and more; the standard error of the ratio is then
# about 1%.
N_RUNS = 2048
# |grad V|^2 of a start beside the root over that of the floor.
DISTANCE = 4.0


@dataclass(frozen=True)
class CurveClaim:
    """The ratio of measured to predicted E|grad V|^2 is 1, up to a margin, at every checkpoint.

    Attributes
    ----------
    setting : FloorClaim
        Settings, name, margin and replicates (pairs of runs beside the root); with a fault in `run_as` or `run_at`.
    distance : float
        Half of the runs start on either side of the root, so far away that |grad V|^2 is this many floors there to
        leading order; 0 starts at the root. Two sides, since odd terms of the distance then cancel.
    """

    setting: FloorClaim
    distance: float = 0.0

    def __post_init__(self) -> None:
        if not self.distance >= 0:
            raise InputError(f"distance of claim {self.name!r} must be at least 0 floors, got {self.distance}")

    @property
    def name(self) -> str:
        """Name of the setting."""
        return self.setting.name

    def points(self, starts: tuple[tuple[float, ...], ...], times: tuple[int, ...]) -> list[Point]:
        """One point for every start and iterate t. Those of one start are prefixes of one run."""
        point = self.setting.run_at or self.setting.settings
        # The gradient norm is averaged over the last iterate alone.
        return [replace(point, start=start, n_iterations=t, burn_in=(t - 0.5) / t) for start in starts for t in times]


def curve_claims(preset: Preset = "quick") -> list[CurveClaim]:
    """A curve that falls and one that rises; for the paper preset both for every method and two steps."""
    if preset == "quick":
        return [_claim("zpg", 0.2, DISTANCE), _claim("zbcpg-3", 0.2, 0.0)]
    return [
        _claim(method, step, distance) for method in METHODS for step in (0.2, 0.05) for distance in (0.0, DISTANCE)
    ]


def curve_controls() -> list[CurveClaim]:
    """The curves of the quick preset with a step that is 10% too large."""

    def planted(claim: CurveClaim) -> CurveClaim:
        setting = claim.setting
        run_at = replace(setting.settings, step_size=1.1 * setting.step_size)
        return replace(
            claim, setting=replace(setting, name=f"control: step 10% too large, {setting.name}", run_at=run_at)
        )

    return [planted(claim) for claim in curve_claims()]


def _claim(method: str, step_size: float, distance: float) -> CurveClaim:
    start, replicates = ("beside", N_RUNS // 2) if distance else ("the root", N_RUNS)
    name = f"curve {method} circular, alpha = {step_size:g}, from {start}"
    return CurveClaim(
        FloorClaim(name, method, "circular", 1e6, 25, 0.3, step_size, Logistic(1.0), replicates=replicates), distance
    )
