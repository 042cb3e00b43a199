"""How many processors, and in which precision."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from torch import nn

from ls_backend.clip import devices
from ls_backend.clip.devices import choose_device, choose_precision, cpu_quota
from ls_backend.errors import ModelError


@pytest.mark.parametrize(
    ("written", "quota"),
    [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("nonsense", 8), (None, 8)],
)
def test_a_control_group_bounds_the_processors(
    written: str | None, quota: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "cpu.max"
    if written is not None:
        group.write_text(written)
    monkeypatch.setattr(devices, "CGROUP_2", group)
    monkeypatch.setattr(devices, "CGROUP_1", (tmp_path / "no", tmp_path / "no"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    assert cpu_quota() == quota


def test_the_older_control_groups_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "quota", tmp_path / "period"
    monkeypatch.setattr(devices, "CGROUP_2", tmp_path / "no")
    monkeypatch.setattr(devices, "CGROUP_1", files)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    files[1].write_text("100000\n")
    for quota, expected in (("300000\n", 3), ("-1\n", 8)):
        files[0].write_text(quota)
        assert cpu_quota() == expected


@pytest.mark.parametrize("flags", ["avx512f avx512_bf16", "amx_bf16"])
def test_bfloat16_is_for_large_models_on_processors_that_have_it(
    flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = nn.Linear(5000, 5000), nn.Linear(5, 5)
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags} ht\n")

    assert choose_precision("auto", "cpu", large) == "bfloat16"
    assert choose_precision("auto", "cpu", small) == "float32"
    assert choose_precision("float32", "cpu", large) == "float32"
    (tmp_path / "cpuinfo").write_text("flags : fpu avx512f ht\n")
    assert choose_precision("auto", "cpu", large) == "float32"
    assert choose_precision("bfloat16", "cpu", small) == "bfloat16"


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(ModelError, match="cuda:1") as refusal:
        choose_device("cuda:1")
    assert "CLIP_DEVICE=cpu" in refusal.value.hint
