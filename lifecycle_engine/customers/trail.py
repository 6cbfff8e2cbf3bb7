"""The audit trail: who saw personal data, or took it out."""

from lifecycle_engine.customers.privacy_models import Access, AccessAction


def access_note(
    *, actor: str, action: AccessAction, customer_id: int | None = None, address: str = ""
) -> None:
    """Write down that somebody saw or took out personal data, before it is shown.

    Args:
        actor: a member of staff, or ``api:`` and the name of a key.
        action: what they did.
        customer_id: of whom; None for a list of many.
        address: the IP address, "" where it can't be told.
    """
    Access.objects.create(
        actor=actor, action=action, customer_id=customer_id, ip_address=address or None
    )
