"""Which of the bundles on offer a station takes. Pure."""

from collections.abc import Iterable, Sequence

from deploy.repository.offer import Offer, software_numbers
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.values import StationFacts
from edge.core.rollout_share import has_turn


def newest(offers: Iterable[Offer], facts: StationFacts) -> Offer | None:
    """Return the bundle to take unasked: for this station, its turn, and newer than all it has of that name.

    Raises:
        UpdateError: there are newer ones for it, all for newer software.
    """
    highest: dict[str, int] = {}
    for known in facts.present:
        highest[known.name] = max(known.version, highest.get(known.name, 0))
    wanted = [
        offer
        for offer in offers
        if offer.product in facts.products
        and offer.version > highest.get(offer.name, 0)
        and has_turn(facts.station, offer.sha256, offer.share_permille)
    ]
    fitting = [offer for offer in wanted if _runs(offer, facts)]
    if wanted and not fitting:
        raise _too_old(max(wanted, key=_rank), facts)
    return max(fitting, key=_rank, default=None)


def named(offers: Sequence[Offer], bundle: str, facts: StationFacts) -> Offer:
    """Return the bundle that somebody asks for by its name, ``NAME-VERSION``.

    Raises:
        UpdateError: it is not on offer, for another product or newer software, or it is not this station's turn.
    """
    found = [offer for offer in offers if offer.bundle == bundle]
    if not found:
        listed = ", ".join(offer.bundle for offer in offers) or "nothing"
        raise UpdateError(Refusal.UNKNOWN, f"{bundle} is not on offer; there is {listed}", bundle=bundle)
    offer = found[0]
    if offer.product not in facts.products:
        raise UpdateError(
            Refusal.PRODUCT,
            f"{bundle} is for product {offer.product}; this station inspects {', '.join(sorted(facts.products))}",
            bundle=bundle,
        )
    if not _runs(offer, facts):
        raise _too_old(offer, facts)
    if not has_turn(facts.station, offer.sha256, offer.share_permille):
        raise UpdateError(
            Refusal.TURN,
            f"{bundle} is rolled out to {offer.share_permille / 10:g} % of the stations, and {facts.station} is not "
            "among them yet: wait, or have the publisher raise the share",
            bundle=bundle,
        )
    return offer


def _rank(offer: Offer) -> tuple[int, str]:
    return offer.version, offer.name


def _runs(offer: Offer, facts: StationFacts) -> bool:
    return software_numbers(facts.software) >= software_numbers(offer.minimum_software)


def _too_old(offer: Offer, facts: StationFacts) -> UpdateError:
    return UpdateError(
        Refusal.SOFTWARE,
        f"{offer.bundle} needs linegate {offer.minimum_software}, this is {facts.software}: update linegate first",
        bundle=offer.bundle,
    )
