"""Encrypts secrets at rest with a key that stands beside the database, not in it."""

from pathlib import Path


class Seal:
    """Encrypts and decrypts short texts. The key file holds one Fernet key a line; the first one encrypts."""

    def __init__(self, key_file: Path) -> None:
        """Read the key file, or make it (mode 0600).

        Raises:
            SealError: It cannot be read, written or understood.
        """
        raise NotImplementedError

    def seal(self, secret: str) -> str:
        """Return the secret encrypted, as ASCII text."""
        raise NotImplementedError

    def open(self, sealed: str) -> str:
        """Return the secret.

        Raises:
            SealError: It was sealed with a key that is not in the file.
        """
        raise NotImplementedError
