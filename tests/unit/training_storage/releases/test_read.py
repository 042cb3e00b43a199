"""A release is found by its name, its number, or how its name begins."""

from __future__ import annotations

import pytest
from release_world import World

from importers.training_storage.releases.read import find_release
from importers.training_storage.releases.release import BEGUN, release_json
from ls_backend.errors import StorageError


def test_a_release_is_found_in_three_ways(releases: World) -> None:
    first, second = (releases.release({n: "cat"}).name for n in range(2))
    for wanted in (second, "2", "000002", second[:9], second[:-1]):
        assert find_release(releases.storage, wanted) == second
    assert find_release(releases.storage, "1") == first


@pytest.mark.parametrize("wanted", ["3", "0", "000003-1a2b3c4d", "-1", "LATEST", "²", "../x", " "])
def test_one_that_is_not_there_names_those_that_are(releases: World, wanted: str) -> None:
    names = [releases.release({n: "cat"}).name for n in range(2)]
    with pytest.raises(StorageError, match="has no release") as found:
        find_release(releases.storage, wanted)
    assert all(name in found.value.hint for name in names)


def test_of_many_releases_the_newest_are_named(releases: World) -> None:
    names = [releases.release({n: "cat"}).name for n in range(12)]
    assert find_release(releases.storage, "12") == names[-1]
    with pytest.raises(StorageError, match="has no release 13") as found:
        find_release(releases.storage, "13")
    assert names[2] in found.value.hint
    assert names[1] not in found.value.hint
    assert "and 2 more" in found.value.hint


def test_what_a_killed_run_left_is_not_found(releases: World) -> None:
    first = releases.release({0: "cat"}).name
    releases.change(release_json("000002-12345678"), b"{}")
    releases.change(BEGUN, b"000002-12345678\n")
    for wanted in ("2", "000002-12345678"):
        with pytest.raises(StorageError, match=f"no release {wanted}"):
            find_release(releases.storage, wanted)
    assert find_release(releases.storage, "1") == first


def test_a_storage_without_releases_says_so(releases: World) -> None:
    with pytest.raises(StorageError, match="holds no release"):
        find_release(releases.storage, "1")
