"""What Label Studio 1.23.2 was recorded sending to an ML backend. A test against the real server
(e2e/test_recorded_requests.py) keeps it true.
"""

from __future__ import annotations

from typing import Any

LABELS = ("apple", "cat", "dog", "fish")
CONFIG = (
    '<View><Image name="image" value="$image"/><Header value="Prompt: $prompt"/>'
    '<Choices name="label" toName="image" choice="single-radio" clip_claim="$label">'
    + "".join(f'<Choice value="{label}" hotkey="{n}"/>' for n, label in enumerate(LABELS, 1))
    + '<Choice value="None of these / unusable" hotkey="0" clip_none="true"/></Choices></View>'
)
PROJECT = "3.1795336526"
HEADERS = {"User-Agent": "heartex/1.23.2+0.g1234567"}


def setup_body(schema: str = CONFIG) -> dict[str, Any]:
    return {
        "project": PROJECT,
        "schema": schema,
        "hostname": "http://127.0.0.1:8181",
        "access_token": "f" * 40,
        "extra_params": None,
    }


def task(number: int, image: str, label: str) -> dict[str, Any]:
    return {
        "id": number,
        "data": {
            "image": f"/data/upload/3/{image}.png",
            "prompt": f"a photo of a red {label}",
            "label": label,
            "clip_score": 0.5,
            "audit": False,
            "sample": f"{number:064x}",
        },
        "meta": {},
        "created_at": "2026-11-22T08:00:00.000000Z",
        "updated_at": "2026-11-22T08:00:00.000000Z",
        "is_labeled": False,
        "overlap": 1,
        "inner_id": number,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 3,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }


def predict_body(*images: str, label: str, context: Any = None) -> dict[str, Any]:
    return {
        "tasks": [task(number, image, label) for number, image in enumerate(images, 1)],
        "project": PROJECT,
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": context},
    }
