"""The generator kind "diffusers": image models on this machine, with the extra `diffusers`.

Owns what is checked before a model is loaded, and one image for one request: `parameters` are
diffusers' own names (num_inference_steps, guidance_scale, strength, negative_prompt, …), and
`dtype`, in which the weights are loaded. One model serves all threads, one image at a time.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from importers.generators.base import (
    Answer,
    GeneratedImage,
    GenerationRequest,
    as_png,
    free_image,
    request_parameters,
    white_is_painted,
)
from importers.generators.diffusers_pipelines import DTYPES, Pipelines, family_problem, load
from importers.openai_api.models import operation
from ls_backend.errors import ConfigError, GeneratorError, PromptRefused

if TYPE_CHECKING:
    from PIL.Image import Image

    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator

INSTALL = "pip install 'label-studio-clip[diffusers]'"
OURS = frozenset(
    {"prompt", "image", "mask_image", "width", "height", "generator", "num_images_per_prompt"}
    | {"output_type", "return_dict"}
)
"""Arguments of a pipeline that the generator sets itself."""
_USUAL = ("num_inference_steps", "guidance_scale", "strength", "negative_prompt", "true_cfg_scale")
_MULTIPLE = 8
_NO_STEP = "From a picture, strength times num_inference_steps are run, and that is less than one."
_MORE_STEPS = (
    "Raise either in generator.parameters; turbo models start from pictures with 2 steps and "
    "strength 0.5."
)


class DiffusersKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        if find_spec("diffusers") is None:
            raise ConfigError(
                "The generator 'diffusers' needs the package diffusers, which is not installed.",
                hint=f"Run: {INSTALL}",
            )
        if "fuse" in operations:
            raise ConfigError(
                "The generator 'diffusers' starts from one picture: it cannot fuse two.",
                hint="Take the fusion out, or use a generator that edits several pictures.",
            )
        _check_size(settings.size)
        _check_parameters(request_parameters(settings))
        return ()

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        """Looks at the model's index alone, which is fetched where it is not here yet."""
        notices = self.check_settings(settings, operations)
        for wanted in operations:
            problem = family_problem(settings.model, wanted)
            if problem:
                raise ConfigError(problem, hint="Set generator.model to another model.")
        return notices

    def open(self, settings: GeneratorSettings) -> Generator:
        return DiffusersGenerator(settings)


class DiffusersGenerator:
    """Draws on this machine; the model is loaded for the first image. See `Generator`.

    Args:
        load: Gives the model's pipelines.
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        load: Callable[[GeneratorSettings], Pipelines] = load,
    ) -> None:
        self.name = f"{settings.model} with diffusers"
        self._settings = settings
        self._load = load
        self._pipelines: Pipelines | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._pipelines = None

    def send(self, request: GenerationRequest) -> Answer:
        """Draw one image, as PNG.

        Raises:
            PromptRefused: the model's safety checker has blanked it.
            GeneratorError: the model cannot be loaded, or cannot draw that.
        """
        with self._lock:
            if self._pipelines is None:
                self._pipelines = self._load(self._settings)
            image = _draw(self._pipelines, request)
        return Answer(as_png(image))

    def read(self, request: GenerationRequest, answer: Answer) -> GeneratedImage:  # noqa: ARG002
        return free_image(answer)


def _draw(pipelines: Pipelines, request: GenerationRequest) -> Image:
    import torch

    pipeline = pipelines.of(operation(len(request.images), masked=request.mask is not None))
    takes = inspect.signature(pipeline.__call__).parameters
    arguments = _arguments(request, takes)
    try:
        drawn = pipeline(**arguments)
    except torch.OutOfMemoryError as error:
        raise GeneratorError(
            f"The memory of the device is too small for {request.model}: {error}",
            hint='Use a smaller generator.size, parameters = { dtype = "float16" }, or '
            'device = "cpu".',
            code="out_of_memory",
        ) from None
    except (RuntimeError, TypeError, ValueError) as error:
        raise GeneratorError(
            f"{request.model} cannot draw that: {' '.join(str(error).split())[:300]}",
            hint="Change generator.size or generator.parameters to what the model's card says.",
            code="not_drawn",
        ) from None
    if any(getattr(drawn, "nsfw_content_detected", None) or ()):
        raise PromptRefused(
            f"The safety checker of {request.model} has blanked the picture of {request.prompt!r}.",
            hint="Change the template or factor that it comes from, or leave it out.",
        )
    image: Image = drawn.images[0]
    return image


def _arguments(request: GenerationRequest, takes: Mapping[str, Any]) -> dict[str, Any]:
    """What the pipeline of a request is called with; its seed on the CPU is the same anywhere."""
    import torch

    said = {name: value for name, value in request.parameters.items() if name != "dtype"}
    if not request.images:
        said.pop("strength", None)
    unknown = sorted(said.keys() - takes.keys())
    if unknown:
        raise GeneratorError(
            f"{request.model} takes no parameter {unknown[0]!r}.",
            hint="Take it out of generator.parameters, or write it as diffusers does: "
            f"{', '.join(name for name in _USUAL if name in takes)}.",
            code="unknown_parameter",
        )
    arguments = {"prompt": request.prompt, **said}
    arguments["generator"] = torch.Generator("cpu").manual_seed(request.seed or 0)
    if request.images:
        steps, strength = (
            said.get(name, takes[name].default if name in takes else None)
            for name in ("num_inference_steps", "strength")
        )
        if _no_step_is_left(steps, strength):
            raise GeneratorError(_NO_STEP, hint=_MORE_STEPS, code="no_step_left")
        arguments |= _pictures(request)
    size = arguments["image"].size if request.images else _pixels(request.size)
    if size is not None and {"width", "height"} <= takes.keys():
        arguments["width"], arguments["height"] = size
    return arguments


def _pictures(request: GenerationRequest) -> dict[str, Image]:
    """The first picture and the mask, in the size that is drawn; white is painted anew."""
    from PIL import Image, ImageOps

    with Image.open(BytesIO(request.images[0])) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    width, height = (max(_MULTIPLE, edge // _MULTIPLE * _MULTIPLE) for edge in image.size)
    size = _pixels(request.size) or (width, height)
    pictures = {"image": ImageOps.fit(image, size, Image.Resampling.LANCZOS)}
    if request.mask is not None:
        white = white_is_painted(request.mask)
        pictures["mask_image"] = ImageOps.fit(white, size, Image.Resampling.NEAREST)
    return pictures


def _pixels(size: str) -> tuple[int, int] | None:
    """Width and height; None for "auto", which leaves it to the model or the picture."""
    if size == "auto":
        return None
    width, _, height = size.partition("x")
    return int(width), int(height)


def _check_size(size: str) -> None:
    width, _, height = size.partition("x")
    edges = (width, height) if size != "auto" else ()
    if not all(edge.isdecimal() and int(edge) > 0 and int(edge) % _MULTIPLE == 0 for edge in edges):
        raise ConfigError(
            f"diffusers cannot draw {size!r}: width and height must be multiples of {_MULTIPLE}.",
            hint='Set generator.size to the size that the model was trained on, such as "512x512".',
        )


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        if name in OURS or name == "quality":
            raise ConfigError(
                f"The generator 'diffusers' takes no parameter {name!r}.",
                hint="Take it out; prompt, size and seed are the campaign's, and quality comes "
                "from num_inference_steps.",
            )
    if parameters.get("dtype", DTYPES[0]) not in DTYPES:
        raise ConfigError(
            f"There is no dtype {parameters['dtype']!r}.", hint=f"Use one of: {', '.join(DTYPES)}."
        )
    if _no_step_is_left(parameters.get("num_inference_steps"), parameters.get("strength")):
        raise ConfigError(_NO_STEP, hint=_MORE_STEPS)


def _no_step_is_left(steps: object, strength: object) -> bool:
    """From a picture, a share of the steps is run that is `strength`: below 1 it is none."""
    if not isinstance(steps, int) or not isinstance(strength, int | float):
        return False
    return int(steps * strength) < 1


DIFFUSERS = DiffusersKind()
