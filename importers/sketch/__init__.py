"""The offline world: drawings of prompts, and the tiny CLIP that understands them.

Owns the name `sketch` under which that model is known to people.
"""

from __future__ import annotations

from pathlib import Path

MODEL_NAME = "sketch"
MODEL_FOLDER = Path(__file__).parent / "sketch-clip"


def resolve_model(name: str) -> str:
    """The model that ``name`` stands for: "sketch" is the tiny CLIP's folder, else ``name``."""
    return str(MODEL_FOLDER) if name == MODEL_NAME else name
