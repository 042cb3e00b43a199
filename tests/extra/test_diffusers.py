"""diffusers itself: a tiny Stable Diffusion with random weights, drawn from on the processor."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generators.base import GenerationRequest, generate_image
from importers.generators.diffusers_local import DIFFUSERS
from importers.generators.diffusers_pipelines import family_problem
from ls_backend.errors import GeneratorError

pytestmark = pytest.mark.filterwarnings("default")  # those of packages that are not ours

PARAMETERS = {"num_inference_steps": 2, "guidance_scale": 0.0, "strength": 0.5}


@pytest.fixture(scope="session")
def diffusion_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder as `save_pretrained` writes it."""
    import torch
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("diffusion")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(4, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=32,
                intermediate_size=32,
                num_attention_heads=4,
                num_hidden_layers=1,
                vocab_size=64,
            )
        ),
        tokenizer=_letters(folder / "letters"),
        unet=UNet2DConditionModel(
            block_out_channels=(4, 8),
            layers_per_block=1,
            sample_size=32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            norm_num_groups=2,
        ),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
    )
    pipeline.save_pretrained(folder / "tiny")
    return str(folder / "tiny")


def _letters(folder: Path) -> object:
    """A tokenizer that knows the letters."""
    from transformers import CLIPTokenizer

    folder.mkdir()
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        vocab_file=str(folder / "vocab.json"),
        merges_file=str(folder / "merges.txt"),
        model_max_length=77,
    )


def test_a_model_draws_from_text_from_a_picture_and_around_one(diffusion_model: str) -> None:
    settings = GeneratorSettings(
        kind="diffusers", model=diffusion_model, size="64x64", parameters=PARAMETERS
    )
    assert DIFFUSERS.check(settings, ("generate", "vary", "inpaint")) == ()
    generator = DIFFUSERS.open(settings)

    def drawn(seed: int, parent: bytes | None = None, alpha: int | None = None) -> bytes:
        images = () if parent is None else (parent,)
        mask = None if alpha is None else _png(Image.new("RGBA", (96, 64), (0, 0, 0, alpha)))
        parameters = PARAMETERS if mask is None else PARAMETERS | {"strength": 1.0}
        request = GenerationRequest(
            "a red dog", settings.model, settings.size, parameters, seed, images, mask
        )
        image = generate_image(generator, request)
        assert (image.size, image.cost_usd) == ("64x64", 0)
        return Image.open(io.BytesIO(image.data)).tobytes()

    assert drawn(3) == drawn(3) != drawn(4)
    teal, yellow = (_png(Image.new("RGB", (96, 64), color)) for color in ("teal", "yellow"))
    assert len({drawn(3), drawn(3, teal), drawn(4, teal), drawn(3, yellow)}) == 4
    # Painted anew at full strength, nothing is left of the picture; what is opaque stays.
    assert drawn(3, teal, alpha=0) == drawn(3, yellow, alpha=0)
    assert drawn(3, teal, alpha=255) != drawn(3, yellow, alpha=255)


def test_what_a_model_cannot_do_is_known_before_its_weights_are_loaded(
    diffusion_model: str, tmp_path: Path
) -> None:
    assert family_problem(diffusion_model, "inpaint") is None
    (tmp_path / "model_index.json").write_text('{"_class_name": "Flux2KleinPipeline"}')
    assert family_problem(str(tmp_path), "generate") is None
    assert "paint a part" in str(family_problem(str(tmp_path), "inpaint"))
    with pytest.raises(GeneratorError, match="cannot be loaded"):
        family_problem(str(tmp_path / "gone"), "generate")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
