from __future__ import annotations

import pytest

from tickgraph.serving import rounds as module
from tickgraph.serving.rounds import ROUND, SETTLED_SECONDS, Rounds


class Folder:
    """A folder with a clock beside it."""

    def __init__(self):
        self.stamp, self.now = (1, 1, 1), 0.0

    def rounds(self):
        return Rounds(lambda: self.stamp, lambda: self.now)


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(module, "ALL", 100)
    return Folder()


def test_of_a_few_files_every_look_looks_at_all(folder):
    rounds, files = folder.rounds(), range(100)
    for _ in range(5):
        folder.now += 60
        assert rounds.due(files) == files


def test_of_many_a_look_looks_at_a_share_while_their_folder_stays_the_same(folder):
    rounds, files = folder.rounds(), range(1000)
    assert rounds.due(files) == files
    folder.now += SETTLED_SECONDS
    looks = [rounds.due(files) for _ in range(ROUND)]
    assert max(map(len, looks)) <= -(-1000 // ROUND)
    assert sorted(file for look in looks for file in look) == list(files)  # each has its turn, once


def test_a_folder_that_changed_is_looked_at_whole_until_it_has_settled(folder):
    rounds, files = folder.rounds(), range(1000)
    rounds.due(files)
    folder.now += SETTLED_SECONDS
    assert len(rounds.due(files)) < 1000
    folder.stamp = (2, 1, 1)
    for _ in range(3):  # another change may leave the same time
        assert rounds.due(files) == files
        folder.now += SETTLED_SECONDS / 3
    assert len(rounds.due(files)) < 1000


def test_a_folder_that_does_not_tell_is_looked_at_whole(folder):
    rounds, files = folder.rounds(), range(1000)
    folder.stamp = None
    for _ in range(3):
        folder.now += 60
        assert rounds.due(files) == files
