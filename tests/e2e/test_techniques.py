"""One campaign with all seven techniques, run to Label Studio once.

A grid of each technique's pictures, parents and masks above their children, is left in
`.pytest_cache/grids` for a person to look at.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from label_studio_sdk.converter.brush import mask2rle
from PIL import Image, ImageDraw

from importers.config.campaign import NONE_OF_THESE, Campaign, load_campaign
from importers.config.sections import DERIVED_TECHNIQUES, PROMPT_TECHNIQUES
from importers.demo.services import LabelStudioServer, SketchServer
from importers.generators.base import white_is_painted
from importers.image_store import ImageStore
from importers.label_studio.queries import ProjectTasks
from importers.label_studio.uploads import upload
from importers.ledger import Ledger
from importers.sample import Sample
from importers.sketch.draw import draw, read_truth
from importers.sketch.spec import Spec
from ls_backend.label_studio import LabelStudio

PHOTOS = {
    "photos/cat/1.png": "a red cat in the park",
    "photos/cat/2.png": "a cartoon of a blue cat in the street",
    "photos/dog/1.png": "a brown dog on the beach",
    "photos/dog/2.png": "a watercolour of a green dog in the snow",
    "masked/cat/1.png": "an orange cat in the desert",
}
EDGE = 256
CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="what" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>
<BrushLabels name="brush" toName="image"><Label value="thing"/></BrushLabels>
<RectangleLabels name="box" toName="image"><Label value="thing"/></RectangleLabels></View>"""
CAMPAIGN = """
name = "techniques"
labels = ["cat", "dog", "boat"]
samples = 15
[prompts]
templates = ["a {{color}} {{label}} {{place}}"]
factors.color = ["red", "blue"]
factors.place = ["in the park", "on the beach"]

[[technique]]
name = "vanilla"

[[technique]]
name = "environment"
factors.place = ["in the desert", "in the snow", "at night"]

[[technique]]
name = "style"
templates = ["{{style}} of a {{label}}"]
factors.style = ["a cartoon", "a watercolour", "pixel art"]

[[technique]]
name = "adversarial"

[[technique]]
name = "adversarial"
others = ["ghost", "cactus"]
truth = "none"

[[technique]]
name = "variation"
source = "folder:photos"
per_image = 2
templates = ["the same {{label}}, {{place}}"]
factors.place = ["in the desert", "in the snow", "under the night sky"]

[[technique]]
name = "fusion"
source = "folder:photos"
label = "second"
templates = ["the {{first}} and the {{second}} together in a studio"]

[[technique]]
name = "inpainting"
source = "folder:photos"
mask = "background"
share = 0.2
templates = ["the {{label}} on the beach"]

[[technique]]
name = "inpainting"
source = "folder:masked"
mask = "file"
label = "boat"
templates = ["a purple {{label}}"]

[[technique]]
name = "inpainting"
source = "label-studio:{project}"
mask = "annotation"
templates = ["a {{label}} in the snow"]

[generator]
model = "sketch-1"
base_url = "{sketch}"
size = "256x256"
[score]
model = "sketch"
[review]
project = "e2e techniques"
url = "{label_studio}"
"""


@dataclass(frozen=True)
class World:
    """The campaign after `ls-clip run`."""

    campaign: Campaign
    report: Mapping[str, Any]
    samples: list[Sample]
    origins: Mapping[str, str]
    ls: LabelStudio

    def image(self, digest: str | None) -> bytes:
        return ImageStore(self.campaign.images_path).get(digest or "")

    def of(self, technique: str, source: str = "") -> list[Sample]:
        """The samples of a technique whose first parent was found there."""
        return [
            sample
            for sample in self.samples
            if sample.prompt.technique == technique
            and (not source or self.origins[sample.planned.parents[0]].startswith(source))
        ]


@pytest.fixture(scope="module")
def ls(label_studio: LabelStudioServer) -> Iterator[LabelStudio]:
    client = label_studio.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    label_studio: LabelStudioServer,
    ls: LabelStudio,
    command_line: CommandLine,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("techniques")
    for seed, (name, prompt) in enumerate(PHOTOS.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(draw(prompt, seed, EDGE).png)
    mask = Image.new("L", (EDGE, EDGE), 0)
    mask.paste(255, (0, 64, 256, 256))
    mask.save(folder / "masked/cat/1.mask.png")
    with SketchServer(folder / "sketch.log", failure_rate=0.0) as sketch:
        text = CAMPAIGN.format(
            project=annotated_project(ls, folder),
            sketch=sketch.base_url,
            label_studio=label_studio.url,
        )
        (folder / "campaign.toml").write_text(text)
        report = command_line.report("run", folder, SKETCH_API_KEY="any")
    campaign = load_campaign(folder)
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        origins = {source.sha256: source.origin for source in ledger.sources.all()}
        yield World(campaign, report, ledger.samples(), origins, ls)


def annotated_project(ls: LabelStudio, folder: Path) -> int:
    """A project with a cat in a box, a dog under a brush, and one that nobody has looked at."""
    body = {"title": "sources of techniques", "label_config": CONFIG}
    project = int(ls.json("POST", "/api/projects", json=body)["id"])
    files = {}
    for seed, animal in enumerate(("cat", "dog", "duck")):
        files[animal] = folder / f"{animal}.png"
        files[animal].write_bytes(draw(f"a yellow {animal} in the street", seed, EDGE).png)
    paths = {name: path for part in upload(ls, project, files) for name, path in part.items()}
    tasks = [{"data": {"image": path}} for path in paths.values()]
    imported = ls.json(
        "POST",
        f"/api/projects/{project}/import",
        params={"return_task_ids": "true"},
        json=tasks,
    )
    numbers = dict(zip(paths, imported["task_ids"], strict=True))
    stroke = Image.new("L", (EDGE, EDGE), 0)
    ImageDraw.Draw(stroke).ellipse((0, 0, 100, 100), fill=255)
    box = {"x": 50, "y": 0, "width": 50, "height": 50, "rotation": 0}
    brush = {"format": "rle", "rle": mask2rle(np.array(stroke))}
    annotate(ls, numbers["cat"], "cat", "box", "rectanglelabels", box)
    annotate(ls, numbers["dog"], "dog", "brush", "brushlabels", brush)
    return project


def annotate(
    ls: LabelStudio, task: int, label: str, control: str, kind: str, place: dict[str, Any]
) -> None:
    common = {"to_name": "image", "original_width": EDGE, "original_height": EDGE}
    region = {"from_name": control, "type": kind, "value": {**place, kind: ["thing"]}}
    choice = {"from_name": "what", "type": "choices", "value": {"choices": [label]}}
    result = [{**common, **choice}, {**common, "image_rotation": 0, **region}]
    ls.request("POST", f"/api/tasks/{task}/annotations", json={"result": result})


def test_every_technique_reaches_label_studio_with_its_parents(world: World) -> None:
    generated = world.report["generate"]
    assert (generated["planned"], generated["generated"], generated["missing"]) == (31, 31, 0)
    assert world.report["push"]["pushed"] == 31
    tasks = [
        task
        for page in ProjectTasks(world.ls, world.report["push"]["project_id"]).whole(100)
        for task in page
    ]
    told = {task["data"]["sample"]: task["data"] for task in tasks}
    for sample in world.samples:
        data = told[sample.key]
        assert data["technique"] == sample.prompt.technique
        assert data["parents"] == list(sample.planned.parents)
        assert data["label"] == sample.prompt.label


def test_prompts_alone_have_no_parents(world: World) -> None:
    told = [s for s in world.samples if s.prompt.technique in PROMPT_TECHNIQUES]
    assert Counter(s.prompt.technique for s in told) == {
        "vanilla": 3,
        "environment": 3,
        "style": 3,
        "adversarial": 6,
    }
    assert all(s.planned.parents == () and s.planned.mask is None for s in told)


def drawn(world: World, sample: Sample) -> Spec:
    return read_truth(world.image(sample.sha256)).drawn


def test_environments_and_styles_are_seen(world: World) -> None:
    elsewhere = world.of("environment")
    assert sorted(s.prompt.label for s in elsewhere) == ["boat", "cat", "dog"]
    assert {drawn(world, s).setting for s in elsewhere} <= {"desert", "snow", "night sky"}
    styled = world.of("style")
    assert {drawn(world, s).style for s in styled} <= {"cartoon", "watercolour", "pixel art"}
    for sample in elsewhere + styled:
        assert drawn(world, sample).object == sample.prompt.label


def test_adversarial_pictures_are_labelled_as_what_they_are(world: World) -> None:
    adversarial = world.of("adversarial")
    for sample in adversarial:
        looks_like, other = sample.prompt.factors["looks_like"], sample.prompt.factors["other"]
        assert looks_like != other
        assert drawn(world, sample).object == other
        assert sample.prompt.label == (NONE_OF_THESE if other in {"ghost", "cactus"} else other)
    assert Counter(s.prompt.label == NONE_OF_THESE for s in adversarial) == {True: 3, False: 3}


def test_variations_show_the_same_object_elsewhere(world: World) -> None:
    variations = world.of("variation")
    assert [len(sample.planned.parents) for sample in variations] == [1] * 8
    for sample in variations:
        parent = read_truth(world.image(sample.planned.parents[0])).drawn
        child = read_truth(world.image(sample.sha256)).drawn
        assert sample.prompt.label == parent.object == child.object
        assert child.setting in {"desert", "snow", "night sky"}
        assert (child.color, child.style) == (parent.color, parent.style)


def test_fusions_show_both_parents(world: World) -> None:
    fusions = world.of("fusion")
    assert len(fusions) == 2
    for sample in fusions:
        parents = [read_truth(world.image(p)).drawn.object for p in sample.planned.parents]
        assert sorted(parents) == ["cat", "dog"]
        assert list(read_truth(world.image(sample.sha256)).objects) == parents
        assert sample.prompt.label == parents[1]
    assert len({parent for s in fusions for parent in s.planned.parents}) == 4


def pixels_of(world: World, sample: Sample) -> tuple[Any, Any, Any]:
    """What was painted anew, the parent, and the child."""
    anew = np.asarray(white_is_painted(world.image(sample.planned.mask))) == 255
    parent, child = (
        np.asarray(Image.open(io.BytesIO(world.image(digest))).convert("RGB"))
        for digest in (sample.planned.parents[0], sample.sha256)
    )
    return anew, parent, child


@pytest.mark.parametrize(
    ("source", "labels", "share"),
    [
        ("folder:photos", ["cat", "cat", "dog"], 0.75),
        ("folder:masked", ["boat"], 0.75),
        ("label-studio", ["cat", "dog"], None),
    ],
)
def test_inpaintings_keep_what_the_mask_keeps(
    world: World, source: str, labels: list[str], share: float | None
) -> None:
    samples = world.of("inpainting", source)
    assert [sample.prompt.label for sample in samples] == labels
    for sample in samples:
        anew, parent, child = pixels_of(world, sample)
        assert (parent[~anew] == child[~anew]).all()
        assert (parent[anew] != child[anew]).any(axis=1).mean() > 0.5
        assert share is None or anew.mean() == share


def test_a_mask_over_the_middle_lets_another_thing_in(world: World) -> None:
    (boat,) = world.of("inpainting", "folder:masked")
    assert read_truth(world.image(boat.sha256)).objects == ("boat",)


def test_annotations_say_where(world: World) -> None:
    boxed, brushed = (pixels_of(world, s)[0] for s in world.of("inpainting", "label-studio"))
    assert boxed[:128, 128:].all()
    assert boxed.sum() == 128 * 128
    assert brushed[50, 50]
    assert not brushed[101:, :].any()


def test_status_asks_nobody(world: World, command_line: CommandLine) -> None:
    nowhere = {"LABEL_STUDIO_URL": "", "LABEL_STUDIO_API_KEY": ""}
    status = command_line.report("status", world.campaign.folder, **nowhere)
    assert status["total"]["pushed"] == 31
    assert status["earlier"] == 0


def test_grids_for_a_person_to_look_at(world: World, pytestconfig: pytest.Config) -> None:
    folder = Path(pytestconfig.rootpath) / ".pytest_cache" / "grids"
    folder.mkdir(parents=True, exist_ok=True)
    techniques = {sample.prompt.technique for sample in world.samples}
    assert techniques == {*PROMPT_TECHNIQUES, *DERIVED_TECHNIQUES}
    for technique in techniques:
        samples = world.of(technique)
        sheet = grid(world, samples)
        assert sheet.width == len(samples) * EDGE // 2
        sheet.save(folder / f"{technique}.png")


def grid(world: World, samples: list[Sample]) -> Image.Image:
    """A column for each sample: its parents, its mask, and below them the sample."""
    tile = EDGE // 2
    rows = max(len(s.planned.parents) + (s.planned.mask is not None) for s in samples) + 1
    sheet = Image.new("RGB", (tile * len(samples), tile * rows), "white")
    for column, sample in enumerate(samples):
        digests = [*sample.planned.parents, sample.planned.mask, sample.sha256]
        shown: Callable[[bytes], Image.Image]
        for row, digest in enumerate(d for d in digests if d is not None):
            is_mask = digest == sample.planned.mask
            shown = white_is_painted if is_mask else lambda data: Image.open(io.BytesIO(data))
            sheet.paste(
                shown(world.image(digest)).resize((tile, tile)), (column * tile, row * tile)
            )
    return sheet
