"""A claim on a constant: the stationary floor of E|grad V|^2 is the one that the law of the algorithm predicts.

An exponent alone does not show a wrong constant, a dropped factor or raters with another link, since the slope stays
the same. The floor near a non-degenerate optimum is predicted without free constants, and each of these faults changes
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.catalogue.claims import Point, name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory.errors import InputError
from theory.links import Link

MARGIN = 0.05


@dataclass(frozen=True)
class FloorClaim:
    """The ratio of measured to predicted floor is 1, up to a margin, at one setting.

    Attributes
    ----------
    name : str
        Unique; it seeds the runs.
    method : str or Method
    instance : str or Instance
        Runs start at the root of the drift near its optimum.
    n_pairs, n_queries, radius, step_size : float
        N, M, mu and alpha, fixed. Infinity is legal.
    link : Link, optional
        Link of the raters, which the method inverts; by default the link of the instance.
    replicates : int
    margin : float
        How far the ratio may lie from 1.
    run_as : str or Method, optional
        Run in place of the method that the prediction is for: a fault, or a method without a law of its own.
    run_at : Point, optional
        Settings of the runs, in place of those that the prediction is for. This is a fault. Its length is not used.
    """

    name: str
    method: str | Method
    instance: str | Instance
    n_pairs: float
    n_queries: float
    radius: float
    step_size: float
    link: Link | None = None
    replicates: int = 64
    margin: float = MARGIN
    run_as: str | Method | None = None
    run_at: Point | None = None

    def __post_init__(self) -> None:
        if self.replicates < 2 or not 0 < self.margin < 1:
            raise InputError(
                f"claim {self.name!r} must have at least 2 replicates and a margin between 0 and 1, "
                f"got {self.replicates} and {self.margin}"
            )

    @property
    def where(self) -> Instance:
        """The instance, with the link of the claim."""
        found = find("instance", self.instance)
        return found if self.link is None else replace(found, link=self.link, link_is_default=False)

    @property
    def title(self) -> str:
        """The settings in one line."""
        return (
            f"{name_of(self.method)} on {name_of(self.instance)}, {type(self.where.link).__name__}, "
            f"N = {self.n_pairs:g}, M = {self.n_queries:g}, mu = {self.radius:g}, alpha = {self.step_size:g}"
        )

    @property
    def settings(self) -> Point:
        """The settings that the prediction is for. Its length is not used."""
        return Point(self.n_queries, self.n_pairs, self.radius, self.step_size, 1)

    def point(self, start: tuple[float, ...], burn_in: int, averaged: int) -> Point:
        """Settings of the runs. They start at the root of the drift; a burn-in comes before the averaged iterations."""
        point = self.run_at or self.settings
        length = burn_in + averaged
        # This share gives exactly this number of iterations, whatever the rounding.
        return replace(point, start=start, n_iterations=length, burn_in=(burn_in + 0.5) / length)
