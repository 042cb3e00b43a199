"""The card of the newest release at the root of a storage that shows it there: the hub's page."""

from __future__ import annotations

import re

from importers.training_storage.card.files import CAMPAIGN, README
from importers.training_storage.card.picture_grid import PICTURES
from importers.training_storage.releases.release import folder
from importers.training_storage.storages.fsspec_storage import Storage

_LINK = re.compile(rf"(?<!\\)\]\((?={re.escape(CAMPAIGN)}\)|{PICTURES}/)")


def root_card(storage: Storage, release: str) -> list[tuple[str, bytes]]:
    """Name and bytes of the card at the root, with links that lead into the release's folder.

    Nothing where the storage shows none. What its metadata names starts at the root anyway.

    Args:
        release: Name of one whose card is written.
    """
    card = storage.read(f"{folder(release)}/{README}") if storage.root_card else None
    if card is None:
        return []
    return [(README, _LINK.sub(f"]({folder(release)}/", card.decode()).encode())]
