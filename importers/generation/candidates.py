"""Where source images are looked for: a folder, and the samples that people approved.

Owns which files are images, and which label each is said to show.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.config.sections import DerivedTechnique
from importers.generation.masks import Region, Size, area_of_file
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sample import all_ancestors
from ls_backend.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MASK_ENDING = ".mask.png"
METADATA = ("metadata.jsonl", "metadata.csv")


@dataclass(frozen=True)
class Candidate:
    """An image that may become a source.

    Attributes:
        origin: Where it was found; see `SourceImage`.
        label: What it is said to show; None where nothing says it.
        read: Its bytes; raises ImageError or OSError.
        mask: Its area to paint anew, from a mask file or annotation; None where there is none.
        regions: What people drew in it.
    """

    origin: str
    label: str | None
    read: Callable[[], bytes]
    mask: Callable[[Size], Image | None] = lambda _: None
    regions: tuple[Region, ...] = ()


def in_folder(campaign: Campaign, technique: DerivedTechnique) -> Iterator[Candidate]:
    """The images of a folder and its sub-folders, by name.

    Labels come from metadata.jsonl or metadata.csv in it (file_name, label), else from the
    sub-folder.

    Raises:
        ConfigError: there is no such folder, or its metadata cannot be read.
    """
    path = technique.source.partition(":")[2]
    folder = campaign.folder / path
    if not folder.is_dir():
        raise ConfigError(
            f"The {technique.name} technique starts from {folder}, which is no folder.",
            hint='Make it, or mend source = "folder:…"; it counts from the campaign\'s folder.',
        )
    said = _metadata(folder)
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if _is_image(file) and not any(part.startswith(".") for part in relative.parts):
            name = relative.as_posix()
            yield Candidate(
                origin=f"folder:{path.rstrip('/')}/{name}",
                label=said.get(name) or _label_of_folder(relative, campaign.labels),
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


def _is_image(file: Path) -> bool:
    name = file.name.lower()
    return name.endswith(ENDINGS) and not name.endswith(MASK_ENDING) and file.is_file()


def _mask_beside(file: Path, size: Size) -> Image:
    """The area of the mask that lies beside an image: NAME.mask.png for NAME.jpg.

    Raises:
        ImageError: there is none, or it does not fit.
    """
    for mask in (file.with_suffix(MASK_ENDING), file.with_name(file.name + MASK_ENDING)):
        if mask.is_file():
            return area_of_file(mask.read_bytes(), size)
    raise ImageError(
        f"There is no {file.with_suffix(MASK_ENDING).name} beside it.",
        hint="Put one there, or set mask to background.",
        code="no_mask",
    )


def _label_of_folder(relative: Path, labels: Collection[str]) -> str | None:
    """The nearest folder that is named like a label, else the nearest; training storage writes
    some letters of labels as %XX."""
    folders = [unquote(part) for part in reversed(relative.parts[:-1])]
    return next((name for name in folders if name in labels), folders[0] if folders else None)


def _metadata(folder: Path) -> dict[str, str]:
    """File name → label, as the folder's metadata says; {} where it has none."""
    for name in METADATA:
        file = folder / name
        if file.is_file():
            try:
                return dict(_named(row) for row in _rows(file))
            except KeyError as error:
                raise ConfigError(
                    f"{file} does not say the {error.args[0]} of each image.",
                    hint="It names a file_name and a label in each line.",
                ) from None
            except (OSError, ValueError, csv.Error) as error:
                raise ConfigError(
                    f"{file} cannot be read: {error}.",
                    hint="It names a file_name and a label in each line.",
                ) from None
    return {}


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".csv":
        yield from csv.DictReader(text.splitlines())
    else:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())


def _named(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["file_name"]), str(row["label"]).strip()
