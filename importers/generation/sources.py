"""What techniques that start from pictures start from: found, read, and recorded in the ledger.

Runs before planning. Each source keeps its place for ever. What is found again changes nothing;
what is found no longer, or with other content, is a source no longer, and what was made from it
stays as it is.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from importers.config.campaign import Campaign
from importers.config.sections import DerivedTechnique
from importers.generation.candidates import Candidate, Finder, approved, in_folder, nowhere
from importers.generation.masks import background_area, mask_png
from importers.image_store import ImageStore, UnkeptImages
from importers.ledger import Ledger
from importers.prompts.derive import FROM_PARENT, OF_ONE, sources_of
from importers.sample import SourceImage
from ls_backend.errors import ImageError

GONE = ""
"""Label of a source that is one no longer."""

log = logging.getLogger(__name__)


@dataclass
class Gathered:
    """What was found for one technique.

    Attributes:
        technique: Name of the technique.
        source: Folder or project that was searched.
        usable: Images that it starts from now.
        new: Those among them that were not known before.
        unreadable: Images that cannot be read, or whose mask cannot.
        unlabelled: Images of which nothing says what they show.
        unknown: Labels that the campaign lacks, with the number of their images.
    """

    technique: str
    source: str
    usable: int = 0
    new: int = 0
    unreadable: int = 0
    unlabelled: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class NotLookedAt:
    """A technique whose source images can be found by a run alone.

    Attributes:
        technique: Name of the technique.
        source: Folder or project that has the images.
        known: Number of images that earlier runs have found.
    """

    technique: str
    source: str
    known: int


def gather(campaign: Campaign, ledger: Ledger, in_project: Finder = nowhere) -> list[Gathered]:
    """Bring the ledger's source images up to date; logs what cannot be used.

    Args:
        in_project: Finds the images of a technique that starts from a Label Studio project.

    Raises:
        ConfigError: the folder of a technique is not there.
        LabelStudioError: Label Studio refuses.
    """
    store = ImageStore(campaign.images_path)
    return [
        _Collector(campaign, ledger, store, number, technique).collect(in_project)
        for number, technique in _numbered(campaign)
    ]


@contextmanager
def gathered_ahead(campaign: Campaign) -> Iterator[tuple[Ledger, tuple[NotLookedAt, ...]]]:
    """The ledger as it would be if a run gathered its source images now; writes and asks nothing.

    Where images of a Label Studio project are the sources, those are there that earlier runs found.

    Raises:
        ConfigError: as of `gather`.
        LedgerError: the ledger is damaged, or newer than this program.
    """
    store = UnkeptImages(campaign.images_path)
    not_looked_at = []
    with Ledger(campaign.ledger_path, copy=True) as ledger:
        for number, technique in _numbered(campaign):
            if technique.source.startswith("label-studio:"):
                known = [s for s in sources_of(technique, number, ledger.sources.all()) if s.label]
                not_looked_at.append(NotLookedAt(technique.name, technique.source, len(known)))
            else:
                _Collector(campaign, ledger, store, number, technique).collect(nowhere)
        yield ledger, tuple(not_looked_at)


def _numbered(campaign: Campaign) -> list[tuple[int, DerivedTechnique]]:
    """The techniques that start from images, each with its place among all."""
    return [
        (number, technique)
        for number, technique in enumerate(campaign.technique)
        if isinstance(technique, DerivedTechnique)
    ]


@dataclass
class _Collector:
    """Collects the sources of one technique."""

    campaign: Campaign
    ledger: Ledger
    store: ImageStore
    number: int
    technique: DerivedTechnique

    def __post_init__(self) -> None:
        known = sources_of(self.technique, self.number, self.ledger.sources.all())
        self.known = {source.origin: source for source in known}
        self.gathered = Gathered(self.technique.name, self.technique.source)

    def collect(self, in_project: Finder) -> Gathered:
        current: dict[str, str] = {}
        seen: set[tuple[str, str | None]] = set()
        for candidate in self._candidates(in_project):
            source = self._source(candidate)
            if source is None or (source.sha256, source.mask) in seen:
                continue
            seen.add((source.sha256, source.mask))
            current[source.origin] = source.label
            if source.origin not in self.known:
                self.gathered.new += self.ledger.sources.add([source])
        changed = {
            origin: current.get(origin, GONE)
            for origin, source in self.known.items()
            if current.get(origin, GONE) != source.label
        }
        self.ledger.sources.relabel(self.number, changed)
        self.gathered.usable = len(current)
        _tell(self.gathered)
        return self.gathered

    def _candidates(self, in_project: Finder) -> Iterator[Candidate]:
        if self.technique.source == "approved":
            return approved(self.ledger, self.store, self.technique)
        if self.technique.source.startswith("folder:"):
            return in_folder(self.campaign, self.technique)
        return in_project(self.campaign, self.technique)

    def _source(self, candidate: Candidate) -> SourceImage | None:
        label = self._label(candidate.label)
        if label is None:
            return None
        try:
            digest = self._stored(candidate)
            mask = self._mask(candidate, digest)
        except (ImageError, OSError) as error:
            self.gathered.unreadable += 1
            why = f"{error} {error.hint}" if isinstance(error, ImageError) else str(error)
            log.warning("%s is left out: %s", candidate.origin, why)
            return None
        return SourceImage(
            digest, self.number, self._origin(candidate.origin, digest, mask), label, mask
        )

    def _label(self, said: str | None) -> str | None:
        """The label of a source; None where it cannot be one."""
        fixed = self.technique.label not in (FROM_PARENT, *OF_ONE)
        if said in self.campaign.labels or (fixed and said):
            return said
        if fixed:
            return self.technique.label
        if said is None:
            self.gathered.unlabelled += 1
        else:
            self.gathered.unknown[said] += 1
        return None

    def _stored(self, candidate: Candidate) -> str:
        """The sha256 of the candidate's bytes, which are a whole image and in the store.

        Images of Label Studio that are known are not fetched again.
        """
        from ls_backend.images.pixels import decode_image

        known = self.known.get(candidate.origin)
        if known is not None and candidate.origin.startswith("label-studio:"):
            return known.sha256
        data = candidate.read()
        digest = hashlib.sha256(data).hexdigest()
        if known is None or known.sha256 != digest:
            decode_image(data)
            self.store.put(data)
        return digest

    def _mask(self, candidate: Candidate, digest: str) -> str | None:
        from ls_backend.images.pixels import decode_image

        if self.technique.mask is None:
            return None
        size = decode_image(self.store.get(digest)).size
        if self.technique.mask == "background":
            area = background_area(candidate.regions, size)
        else:
            drawn = candidate.mask(size)
            if drawn is None:
                raise ImageError(
                    "Nobody has marked a place in it.",
                    hint="Draw a region with the brush or as a rectangle or ellipse.",
                    code="no_mask",
                )
            area = drawn
        return self.store.put(mask_png(area))

    def _origin(self, origin: str, digest: str, mask: str | None) -> str:
        """The origin, with a mark where another image or mask was found there before."""
        known = self.known.get(origin)
        if known is None or (known.sha256, known.mask) == (digest, mask):
            return origin
        return f"{origin}@{hashlib.sha256(f'{digest}{mask}'.encode()).hexdigest()[:8]}"


def _tell(gathered: Gathered) -> None:
    where = f"{gathered.source} ({gathered.technique})"
    if gathered.unlabelled:
        annotate = gathered.source.startswith("label-studio:")
        log.warning(
            "%s: nothing says what %s of the images show; they are left out. %s",
            where,
            gathered.unlabelled,
            "Annotate them."
            if annotate
            else "Put each into a folder named like its label, or list them in metadata.csv.",
        )
    if gathered.unknown:
        names = ", ".join(f"{label!r} {number}" for label, number in gathered.unknown.items())
        log.warning("%s: the campaign lacks these labels of images: %s.", where, names)
    if not gathered.usable:
        log.warning("%s: no image to start from.", where)
