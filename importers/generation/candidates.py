"""Where source images are looked for: a folder, and the samples that people approved.

Owns what a technique is told of an image: its label, its bytes, and the area to paint anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.config.sections import DerivedTechnique
from importers.generation.masks import Region, Size, area_of_file
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.prompts.picture_folder import MASK_SUFFIX, read_pictures
from importers.sample import all_ancestors
from ls_backend.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Candidate:
    """An image that may become a source.

    Attributes:
        origin: Place of it; see `SourceImage`.
        label: Label that it is said to show; None where nothing says it.
        read: Function that gives its bytes, or raises ImageError or OSError.
        mask: Function from its size to the area to paint anew, from a mask file or annotation;
            None where there is none.
        regions: Regions that people drew in it.
    """

    origin: str
    label: str | None
    read: Callable[[], bytes]
    mask: Callable[[Size], Image | None] = lambda _: None
    regions: tuple[Region, ...] = ()


Finder = Callable[[Campaign, DerivedTechnique], Iterator[Candidate]]
"""Finds the images that a technique may start from."""


def nowhere(campaign: Campaign, technique: DerivedTechnique) -> Iterator[Candidate]:
    """Finds nothing: where whoever asks has no way to the source of a technique.

    Raises:
        ConfigError: always, as nothing found would take what is known for gone.
    """
    raise ConfigError(
        f"The {technique.name} technique of {campaign.name!r} starts from {technique.source}, "
        "which is not looked at here.",
        hint=f"Run: ls-clip generate {campaign.folder.name}",
    )


def in_folder(campaign: Campaign, technique: DerivedTechnique) -> Iterator[Candidate]:
    """The pictures of a folder and its sub-folders; see `read_pictures`.

    Raises:
        ConfigError: there is no such folder, or its list cannot be read.
    """
    path = technique.source.partition(":")[2]
    folder = campaign.folder / path
    if not folder.is_dir():
        raise ConfigError(
            f"The {technique.name} technique starts from {folder}, which is no folder.",
            hint='Make it, or mend source = "folder:…"; it counts from the campaign\'s folder.',
        )
    for picture in read_pictures(folder, campaign):
        file = folder / picture.file
        yield Candidate(
            origin=f"folder:{path.rstrip('/')}/{picture.file}",
            label=picture.label,
            read=file.read_bytes,
            mask=lambda size, file=file: _mask_beside(file, size),  # type: ignore[misc]
        )


def approved(ledger: Ledger, store: ImageStore, technique: DerivedTechnique) -> Iterator[Candidate]:
    """The samples that people approved or relabelled, as of the last sync.

    Pictures that are to show none of the labels are none. A sample that this technique had a part
    in is none: else each round of reviews would multiply the next one.
    """
    samples = ledger.samples()
    techniques = {sample.key: sample.prompt.technique for sample in samples}
    lineages = all_ancestors(samples)
    for sample in samples:
        lineage = {techniques[key] for key in (sample.key, *lineages[sample.key].samples)}
        label = sample.review.label if sample.review else None
        shows = label is not None and label != NONE_OF_THESE
        if sample.sha256 is not None and shows and technique.name not in lineage:
            yield Candidate(
                origin=f"approved:{sample.key}",
                label=label,
                read=lambda digest=sample.sha256: store.get(digest),  # type: ignore[misc]
            )


def _mask_beside(file: Path, size: Size) -> Image:
    """The area of the mask that lies beside an image: NAME.mask.png for NAME.jpg.

    Raises:
        ImageError: there is none, or it does not fit.
    """
    for mask in (file.with_suffix(MASK_SUFFIX), file.with_name(file.name + MASK_SUFFIX)):
        if mask.is_file():
            return area_of_file(mask.read_bytes(), size)
    raise ImageError(
        f"There is no {file.with_suffix(MASK_SUFFIX).name} beside it.",
        hint="Put one there, or set mask to background.",
        code="no_mask",
    )
