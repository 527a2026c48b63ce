"""Encrypts secrets at rest with a key that stands beside the database, not in it: a copied database gives none away."""

import os
from pathlib import Path
from typing import ClassVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ringback.model.errors import LocalError


class SealError(LocalError):
    """The key file and the secrets in the database do not go together, or the file cannot be used."""

    slug: ClassVar[str] = "key-file"


class Seal:
    """Encrypts and decrypts short texts. The key file holds one Fernet key a line; the first one encrypts."""

    def __init__(self, key_file: Path) -> None:
        """Read the key file, or make it (mode 0600).

        Raises:
            SealError: It cannot be read, written or understood.
        """
        self._file = key_file
        try:
            lines = _read_or_make(key_file).split()
            self._fernet = MultiFernet([Fernet(line) for line in lines])
        except OSError as error:
            raise SealError(f"The key file {key_file} cannot be used: {error.strerror}") from error
        except ValueError as error:
            raise SealError(f"The key file {key_file} must hold Fernet keys, one a line: {error}") from error

    def seal(self, secret: str) -> str:
        """Return the secret encrypted, as ASCII text."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the secret.

        Raises:
            SealError: It was sealed with a key that is not in the file.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SealError(
                f"A secret in the database was encrypted with a key that is not in {self._file}. Put the old key file "
                "back, or add its key as a further line."
            ) from None


def _read_or_make(key_file: Path) -> str:
    try:
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return key_file.read_text()
    key = Fernet.generate_key().decode()
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
