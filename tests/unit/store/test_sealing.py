"""Secrets at rest."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ringback.store.backend.sealing import Seal, SealError


def test_key_file_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "key"
    sealed = Seal(file).seal("pässword")

    assert file.stat().st_mode & 0o777 == 0o600
    assert "pässword" not in sealed
    assert Seal(file).open(sealed) == "pässword"


def test_older_keys_still_open_and_the_first_one_seals(tmp_path: Path) -> None:
    file = tmp_path / "key"
    old = Seal(file).seal("x")
    file.write_text(Fernet.generate_key().decode() + "\n" + file.read_text())

    both = Seal(file)
    new = both.seal("x")
    file.write_text(file.read_text().splitlines()[0])

    assert both.open(old) == "x"
    assert Seal(file).open(new) == "x"
    with pytest.raises(SealError, match="Put the old key file"):
        Seal(file).open(old)


@pytest.mark.parametrize("text", ["", "not a key", "AAAA"])
def test_unusable_key_file_is_explained(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(SealError, match="Fernet keys"):
        Seal(file)
    with pytest.raises(SealError, match="cannot be used"):
        Seal(tmp_path / "none" / "key")
