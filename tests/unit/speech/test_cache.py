"""The cache of files."""

import os

import pytest

from ringback.speech.cache import FileCache


def key(number):
    return f"{number:064x}"


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def cache(tmp_path):
    opened = FileCache(tmp_path, max_bytes=300, now=Clock())
    await opened.open()
    return opened


def put(cache, number, size=100):
    cache.path(key(number)).write_bytes(b"x" * size)
    return cache.added(key(number))


async def test_what_was_put_is_there(cache):
    path = put(cache, 1)

    assert cache.get(key(1)) == path
    assert cache.get(key(2)) is None
    assert cache.bytes_used == 100


async def test_what_was_used_longest_ago_makes_room(cache):
    for number in (1, 2, 3):
        put(cache, number)
    cache.get(key(1))

    put(cache, 4)

    assert [number for number in (1, 2, 3, 4) if cache.get(key(number))] == [1, 3, 4]
    assert not cache.path(key(2)).exists()
    assert cache.bytes_used == 300


async def test_a_file_larger_than_the_bound_is_kept_while_it_is_the_newest(cache):
    put(cache, 1)
    assert put(cache, 2, size=500).exists()
    assert cache.get(key(1)) is None

    put(cache, 3)

    assert cache.get(key(2)) is None
    assert cache.bytes_used == 100


async def test_replacing_a_file_counts_it_once(cache):
    put(cache, 1)
    put(cache, 1, size=50)

    assert cache.bytes_used == 50


async def test_a_file_that_somebody_removed_is_forgotten(cache):
    put(cache, 1).unlink()

    assert cache.get(key(1)) is None
    assert cache.bytes_used == 0


async def test_files_have_an_age(cache):
    path = put(cache, 1)
    os.utime(path, (Clock.now - 60, Clock.now - 60))

    assert cache.get(key(1), max_age_s=59) is None
    assert cache.get(key(1), max_age_s=61) == path
    assert path.stat().st_mtime == Clock.now - 60  # using it does not make it younger


async def test_the_next_process_finds_the_files_and_knows_which_was_used_last(tmp_path, cache):
    for number in (1, 2, 3):
        path = put(cache, number)
        os.utime(path, (number, number))
    cache.get(key(1))
    (tmp_path / ".job-left").mkdir()
    (tmp_path / "other.txt").write_text("not ours")

    later = FileCache(tmp_path, max_bytes=200, now=Clock())
    await later.open()

    assert [number for number in (1, 2, 3) if later.get(key(number))] == [1, 3]
    assert not (tmp_path / ".job-left").exists()
    assert (tmp_path / "other.txt").exists()
