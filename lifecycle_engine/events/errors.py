"""What is wrong with an item of a batch of events."""


class ItemError(Exception):
    """An item is wrong; ``field`` names where, ``message_id`` which, where it names itself."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = f"{field} {message}"
        self.message_id = ""


def shown(value: object) -> str:
    """A value as messages show it: short, and of characters that every answer can carry."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
