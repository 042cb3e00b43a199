"""A pushed campaign in a file of its own, which `ls-clip sync` stores wherever a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from review_world import VERSION, add_samples

from importers.config.campaign import load_campaign
from importers.label_studio.push import push
from importers.ledger import Ledger
from ls_backend.label_studio import LabelStudio

_CAMPAIGN = """\
name = "{name}"
labels = ["cat", "dog", "fish"]
samples = {samples}
[prompts]
templates = ["a {{label}}"]
[generator]
model = "sketch-1"
[review]
audit = 0.0
[storage]
url = "{url}"
layout = {layout}
shard_samples = 4
"""


@dataclass(frozen=True)
class SyncedCampaign:
    """A campaign's folder, and its tasks in the order of their samples: cat, dog, fish, cat, …"""

    folder: Path
    ls: LabelStudio
    tasks: Sequence[int]

    def approve(self, *numbers: int, label: str = "") -> None:
        """Answer tasks with the label that they claim, or with this one."""
        for number in numbers:
            chosen = {"choices": [label or ("cat", "dog", "fish")[number % 3]]}
            region = {"from_name": "label", "to_name": "image", "type": "choices", "value": chosen}
            self.ls.request(
                "POST", f"/api/tasks/{self.tasks[number]}/annotations", json={"result": [region]}
            )


def synced_campaign(
    ls: LabelStudio, folder: Path, url: str, layouts: Sequence[str], samples: int
) -> SyncedCampaign:
    """Write a campaign, and push its pictures; nobody has looked at them yet."""
    folder.mkdir()
    text = _CAMPAIGN.format(name=folder.name, samples=samples, url=url, layout=list(layouts))
    (folder / "campaign.toml").write_text(text.replace("'", '"'))
    campaign = load_campaign(folder)
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [(n + 1) / (samples + 1) for n in range(samples)])
        push(ls, campaign, ledger, VERSION)
        tasks = [sample.task_id or 0 for sample in ledger.samples()]
    return SyncedCampaign(folder, ls, tasks)
