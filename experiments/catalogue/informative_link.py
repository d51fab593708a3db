"""The link of an instance, at a scale at which votes say something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.catalogue.instance import Instance
from theory import InputError, Link, Logistic, additive_moments, return_distribution
from theory.links import ScaledLink, check_invertible

# Factor by which a scale grows until the link no longer saturates on [-H, H].
WIDER = 1.25


def informative_link(instance: Instance, scale: float | None = None) -> Link:
    """The link of an instance, with a scale at which votes on trajectories of the start policy are informative.

    Parameters
    ----------
    instance : Instance
    scale : float, optional
        In place of the link's own scale. If nobody chose the link of the instance, the default is the standard
        deviation of the difference of two returns at the start. It is multiplied by 1.25 until the link can be inverted
        on [-H, H].

    Raises
    ------
    InputError
        If a scale is given for a link without one.
    """
    link, mdp = instance.link, instance.mdp
    if scale is not None:
        if not isinstance(link, ScaledLink):
            raise InputError(f"scale must be left out for a link without one, got {scale} for {link}")
        link = replace(link, scale=scale)
    elif instance.link_is_default:
        theta = instance.start
        variance = (
            additive_moments(mdp, instance.policy, theta, mdp.expected_reward)[1]
            if mdp.reward_lattice is None
            else return_distribution(mdp, instance.policy, theta).variance
        )
        scale = float(np.sqrt(2 * variance)) or float(mdp.horizon)
        while not _invertible(link := Logistic(_rounded(scale)), mdp.horizon):
            scale *= WIDER
    check_invertible(link, mdp.horizon)
    return link


def _rounded(scale: float) -> float:
    """Rounded to three digits. They print in full, and rounding errors of a machine do not reach the results."""
    return float(f"{scale:.3g}")


def _invertible(link: Link, horizon: int) -> bool:
    try:
        check_invertible(link, horizon)
    except InputError:
        return False
    return True
