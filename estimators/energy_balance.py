"""The energy balance of an ascent: what it gained in value against the squared gradients on its way."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from estimators.ascent import Ascent
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_kind
from theory.validation import positive_array


def energy_defect(run: Ascent, step_size: ArrayLike, axis: int | tuple[int, ...] | None = None) -> FloatArray:
    """step_size * sum over t < T of |grad V(theta_t)|^2 / (V(theta_T) - V(theta_1)) - 1.

    V gains step_size E[grad V' g] + O(step_size^2) in a step. So the defect of an unbiased estimate is of order
    step_size, as long as the gain is large against the noise: it is small before the noise floor, where a factor lost
    in the estimate shows at once.

    Parameters
    ----------
    run : Ascent
        Of at least 2 iterations.
    step_size : float or array
        Step size of the run; an array broadcasts against the batch.
    axis : int or tuple of int, optional
        Axes of the batch over which sums and gains are added up first; by default none.

    Returns
    -------
    array
        Of the shape of the batch without these axes; infinite where nothing was gained.

    Raises
    ------
    InputError
        If the run has fewer than 2 iterations, a step size is not positive, or shapes do not fit.
    """
    require_kind("run", run, Ascent, "ascend(...)")
    if run.values.shape[-1] < 2:
        raise InputError(f"run must have at least 2 iterations for an energy balance, got {run.values.shape[-1]}")
    step, batch = positive_array("step_size", step_size), run.values.shape[:-1]
    if not fits_batch(batch, step):
        raise InputError(f"step_size must broadcast against the batch {batch} of the run, got shape {step.shape}")
    spent = step * run.gradient_norm_sq[..., :-1].sum(axis=-1)
    gained = run.values[..., -1] - run.values[..., 0]
    if axis is not None:
        try:
            spent, gained = spent.sum(axis=axis), gained.sum(axis=axis)
        except (TypeError, ValueError) as error:
            raise InputError(f"axis must be axes of the batch {batch}, got {axis!r}") from error
    with np.errstate(divide="ignore"):
        return np.asarray(spent / gained - 1)
