"""Not to far more people than were approved."""


def blast_radius_exceeded(*, audience: int, approved: int, growth: float | None) -> bool:
    """Whether an audience is more than ``growth`` times the approved one."""
    return growth is not None and audience > approved * growth
