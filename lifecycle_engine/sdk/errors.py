"""Errors that extensions and their registries raise."""


class SdkError(Exception):
    """The base of every error of the plugin API."""


class RegistrationError(SdkError):
    """An extension can't be registered: wrong base, bad key, taken key, or too late."""


class UnknownExtensionError(SdkError, LookupError):
    """A key has no extension: the plugin that brings it is missing or switched off."""


class TransientError(SdkError):
    """What failed may work later: try again."""


class PermanentError(SdkError):
    """What failed will fail again: don't try again."""


class ConfigError(ValueError):
    """A configuration's values don't go together or can't be; raised in its validators.

    Attributes:
        words: the same to staff, who see the fields' titles and not their names: a text marked by
            ``gettext_noop``, or the message again.
    """

    def __init__(self, message: str, words: str = "") -> None:
        super().__init__(message)
        self.words = words or message
