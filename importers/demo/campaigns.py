"""What the demo draws: a campaign of the sketch world, written as the campaign.toml it would be."""

from __future__ import annotations

import json
from pathlib import Path

from importers.config.campaign import CAMPAIGN_FILE, Campaign, load_campaign
from importers.sketch.spec import COLORS, OBJECTS

LABELS = ("apple", "boat", "cat", "dog", "fish", "rocket")
BACKGROUND = tuple(word for word in OBJECTS if word not in LABELS)
PLACES = ("on the beach", "in the park", "in the street", "in the snow", "in the desert")
STYLES = ("a photo of", "a cartoon of", "a watercolour of", "pixel art of", "a pencil sketch of")

_CAMPAIGN_TOML = """\
# Written by `ls-clip demo`; `ls-clip new` writes one with every key explained.
name = {name}
labels = {labels}
samples = {samples}
seed = {seed}

[prompts]
templates = ["{{style}} a {{color}} {{label}} {{place}}"]

[prompts.factors]
style = {styles}
color = {colors}
place = {places}

[generator]
model = "sketch-1"
base_url = {base_url}
api_key_env = "SKETCH_API_KEY"
size = "512x512"

[score]
model = "sketch"
background = {background}

[review]
project = {project}
url = {label_studio}

[storage]
url = "training"
"""


def write_campaign(
    folder: Path,
    *,
    project: str,
    samples: int,
    seed: int,
    base_url: str,
    label_studio: str,
) -> Campaign:
    """Write campaign.toml into a folder and load it.

    Args:
        project: Title of its Label Studio project.
        samples: Number of images.
        seed: Another seed draws other prompts and other pictures.
        base_url: Base URL of the sketch server.
        label_studio: Address of Label Studio.
    """
    values = {
        **{"name": folder.name, "project": project, "samples": samples, "seed": seed},
        **{"labels": LABELS, "background": BACKGROUND},
        **{"styles": STYLES, "colors": COLORS, "places": PLACES},
        **{"base_url": base_url, "label_studio": label_studio},
    }
    # Numbers, strings and lists of strings are written the same way in TOML and JSON.
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    folder.mkdir(parents=True)
    (folder / CAMPAIGN_FILE).write_text(_CAMPAIGN_TOML.format(**written), encoding="utf-8")
    return load_campaign(folder)
