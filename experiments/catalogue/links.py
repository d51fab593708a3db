"""The links that have names, and links as the exact claims and figures on inversion bias use them."""

from __future__ import annotations

from experiments.catalogue.lookup import Kind
from experiments.catalogue.requirements import require_sound
from theory import LINKS, Link, Trimmed, VoteModel
from theory.links import ScaledLink, largest_trim

HORIZON = 5


def scaled_link(name: str, horizon: int = HORIZON) -> ScaledLink:
    """Link scaled to H / 2; the linear one to 2 H, which it needs to be invertible."""
    return LINKS[name](scale=2.0 * horizon if name == "linear" else horizon / 2)


def boundary_model(name: str, n_queries: int, horizon: int = HORIZON) -> tuple[VoteModel, float]:
    """Votes read with the trim on its boundary, and the difference where it then acts at the mean."""
    link = scaled_link(name, horizon)
    low, high = float(link.probability(-horizon)), float(link.probability(horizon))
    model = VoteModel(link, n_queries, Trimmed(largest_trim(link, horizon)))
    return model, float(-horizon if low <= 1 - high else horizon)


def matched_link(name: str, link: Link) -> Link:
    """Link of that name, as steep at 0 as a given one: only its shape differs. A user's own is taken unchanged.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in LINKS:
        return KIND.find(name)
    if isinstance(link, LINKS[name]):
        return link
    return LINKS[name](scale=float(LINKS[name]().derivative(0.0) / link.derivative(0.0)))


def _accepted(text: str, found: object) -> Link:
    require_sound("link", text, found)
    link: Link = found  # type: ignore[assignment]  # as just checked
    return link


def _summary(link: type[ScaledLink]) -> str:
    return (link.__doc__ or "").strip().splitlines()[0]


KIND: Kind[Link] = Kind(
    "link", lambda: {name: _summary(link) for name, link in LINKS.items()}, lambda name: LINKS[name](), _accepted
)
