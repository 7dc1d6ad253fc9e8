"""What a probability becomes where defects are rarer or commoner than where it was calibrated."""


def restated_prior(probability: float, from_prior: float, to_prior: float) -> float:
    """Return a calibrated defect probability restated at another share of defective parts, by Bayes' rule.

    Only the share changes: defective parts are taken to look as before, and good ones too (Saerens, Latinne and
    Decaestecker, Neural Computation 14, 2002, 21-41).

    Args:
        probability: 0-1, calibrated where ``from_prior`` of the parts are defective.
        from_prior: Between 0 and 1.
        to_prior: Between 0 and 1.

    Raises:
        ValueError: A value is outside its range.
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"a probability lies between 0 and 1, not {probability}")
    for prior in (from_prior, to_prior):
        if not 0.0 < prior < 1.0:
            raise ValueError(f"a prior must be above 0 and below 1, not {prior}")
    defective = probability * to_prior * (1.0 - from_prior)
    good = (1.0 - probability) * (1.0 - to_prior) * from_prior
    return defective / (defective + good)
