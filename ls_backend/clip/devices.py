"""What there is to compute on: how many processors, which device, in which precision."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from ls_backend.errors import ModelError
from ls_backend.settings import Precision

CGROUP_2 = Path("/sys/fs/cgroup/cpu.max")
CGROUP_1 = (
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
WORTH_BFLOAT16 = 20_000_000
"""Parameters of an image tower; smaller ones spend their time elsewhere."""
CPU_INFO = Path("/proc/cpuinfo")


def cpu_quota() -> int:
    """Processors for this process: its affinity, and no more than its control group pays for."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _cgroup_quota())))


def has_bfloat16() -> bool:
    """The processor multiplies bfloat16 matrices in hardware (avx512_bf16 or amx_bf16)."""
    try:
        words = set(CPU_INFO.read_text().split())
    except OSError:
        return False
    return not words.isdisjoint({"avx512_bf16", "amx_bf16"})


def choose_device(asked: str) -> str:
    """ "auto" → "cuda" where PyTorch sees a GPU, else "cpu".

    Raises:
        ModelError: A GPU is asked for, and there is none.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if has_gpu else "cpu"
    if asked.startswith("cuda") and not has_gpu:
        raise ModelError(
            f"CLIP_DEVICE is {asked!r}, and PyTorch sees no GPU here.",
            hint="Install the CUDA build of PyTorch and the driver, or use CLIP_DEVICE=cpu.",
            code="device",
        )
    return asked


def choose_precision(asked: Precision, device: str, image_tower: Any) -> str:
    """ "auto" → "bfloat16" where the device has it in hardware and the model gains by it."""
    import torch

    if asked != "auto":
        return asked
    can = (
        has_bfloat16()
        if device == "cpu"
        else torch.cuda.is_bf16_supported(including_emulation=False)
    )
    size = sum(tensor.numel() for tensor in image_tower.parameters())
    return "bfloat16" if can and size >= WORTH_BFLOAT16 else "float32"


def _cgroup_quota() -> float:
    try:
        quota, period = CGROUP_2.read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (path.read_text().strip() for path in CGROUP_1)
        except (OSError, ValueError):
            return math.inf
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else math.inf
