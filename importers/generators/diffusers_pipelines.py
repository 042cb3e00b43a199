"""diffusers itself: a model's weights, loaded once, behind a pipeline for each operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ls_backend.errors import GeneratorError

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings

DTYPES = ("float32", "float16", "bfloat16")
_TASKS = {"generate": "TEXT2IMAGE", "vary": "IMAGE2IMAGE", "inpaint": "INPAINT"}
_CANNOT = {
    "generate": "draw from text",
    "vary": "start from a picture",
    "inpaint": "paint a part of a picture anew",
}


def load(settings: GeneratorSettings) -> Pipelines:
    """Load a model from its folder or the hub.

    Raises:
        GeneratorError: the device is not here, or the model cannot be loaded.
    """
    import torch
    from diffusers import AutoPipelineForText2Image

    device = _device(settings.device)
    dtype = getattr(torch, settings.parameters.get("dtype") or _dtype_for(device))
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(settings.model, dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        return Pipelines(settings.model, pipeline.to(device))
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_loaded(settings.model, error) from None


def family_problem(model: str, operation: str) -> str | None:
    """Why a model cannot do an operation; None where it can. Loads no weights.

    Raises:
        GeneratorError: there is no such model.
    """
    from diffusers import DiffusionPipeline
    from diffusers.pipelines import auto_pipeline

    try:
        name = DiffusionPipeline.load_config(model)["_class_name"]
    except (OSError, ValueError) as error:
        raise _not_loaded(model, error) from None
    tasks = {
        task: getattr(auto_pipeline, f"AUTO_{family}_PIPELINES_MAPPING")
        for task, family in _TASKS.items()
    }
    families = {
        family
        for mapping in tasks.values()
        for family, pipeline in mapping.items()
        if pipeline.__name__ == name
    }
    if families & tasks[operation].keys():
        return None
    return f"{model} cannot {_CANNOT[operation]}: diffusers has no such pipeline for {name}."


class Pipelines:
    """The pipelines of one model; those that start from pictures share its weights."""

    def __init__(self, model: str, text_to_image: Any) -> None:
        self._model = model
        self._pipelines = {"generate": text_to_image}

    def of(self, operation: str) -> Any:
        """The pipeline for an operation: called with diffusers' arguments it gives `.images`.

        Raises:
            GeneratorError: the model has none.
        """
        if operation not in self._pipelines:
            self._pipelines[operation] = self._from_text_to_image(operation)
        return self._pipelines[operation]

    def _from_text_to_image(self, operation: str) -> Any:
        from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

        kind = AutoPipelineForInpainting if operation == "inpaint" else AutoPipelineForImage2Image
        try:
            pipeline = kind.from_pipe(self._pipelines["generate"])
        except ValueError as error:
            raise GeneratorError(
                f"{self._model} cannot {_CANNOT[operation]}: {error}",
                hint="Set generator.model to another model.",
                code="no_pipeline",
            ) from None
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def _device(asked: str | None) -> str:
    import torch

    if asked is None:
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise GeneratorError(
            f"generator.device is {asked!r}, and PyTorch sees no GPU here.",
            hint="Install the CUDA build of PyTorch and the driver, or leave device out.",
            code="device",
        )
    return asked


def _dtype_for(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return "float32"
    exact = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if exact else "float16"


def _not_loaded(model: str, error: Exception) -> GeneratorError:
    why = " ".join(str(error).split())[:300]
    return GeneratorError(
        f"The model {model!r} cannot be loaded: {why}",
        hint="Set generator.model to a model of the Hugging Face hub in diffusers' format, or to "
        "its folder; fetch it beforehand with: hf download MODEL.",
        code="model_not_loaded",
    )
