"""open_clip: images and texts → unit vectors. Owns loading a model and its fingerprint."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ls_backend.clip.devices import choose_device, choose_precision, cpu_quota
from ls_backend.clip.golden import measure, misfit, read_golden
from ls_backend.clip.model_source import ModelSource, source_of
from ls_backend.errors import ModelError
from ls_backend.settings import Precision
from ls_backend.zero_shot import Vectors

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES_AT_ONCE = 32
TEXTS_AT_ONCE = 256
WIDEST_RATIO = 4
"""Longer images are cropped to this ratio of their sides before they are resized."""
SIGMOID_HEAD = "sigmoid of log-sum-exp"
"""Names how a logit bias is used, in the fingerprint: another head, another model version."""


class Clip:
    """One CLIP model, safe to share between threads.

    Images may be encoded in bfloat16; texts and all that follows are float32.

    Attributes:
        name: Name of the model.
        fingerprint: SHA-256 in hex of all that its vectors depend on.
        device: "cpu", "cuda" or "cuda:N".
        precision: "float32" or "bfloat16", of the image tower.
        logit_scale: Factor from cosines to logits.
        logit_bias: Summand of logits where the model's family has one (SigLIP), else None.
    """

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        network: Any,
        preprocess: Callable[[Image], Any],
        tokenizer: Callable[[list[str]], Any],
    ) -> None:
        bias = network.logit_bias
        self.name = name
        self.fingerprint = fingerprint
        self.device = "cpu"
        self.precision = "float32"
        self.logit_scale = float(network.logit_scale.exp().item())
        self.logit_bias = None if bias is None else float(bias.item())
        self._network = network
        self._preprocess = preprocess
        self._tokenizer = tokenizer
        self._crops_centre = network.visual.preprocess_cfg["resize_mode"] == "shortest"
        self._cuts_texts = can_be_cut(network)
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(
        cls,
        model: str,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        check_golden: bool = True,
    ) -> Clip:
        """Load "ARCH/PRETRAINED" or a local folder.

        Args:
            device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N".
            precision: In which images are encoded; "auto" is bfloat16 where the device has it in
                hardware and the model is large enough to gain by it.
            check_golden: Compare the vectors with golden.json, where the folder has one.

        Raises:
            ModelError: No such model, its weights are missing, or they do not fit their config.
        """
        # Threads of torch that wait must not spin: beside Label Studio on the same cores that
        # makes small batches ten times slower. Counts only before torch is imported.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        source = source_of(model)
        _use_quota_of_threads()
        chosen = choose_device(device)
        clip = cls._opened(source)
        if check_golden and source.folder:
            _check_golden(clip, source, source.folder)
        return clip._moved(chosen, choose_precision(precision, chosen, clip._network.visual))

    @classmethod
    def _opened(cls, source: ModelSource) -> Clip:
        """The model on the CPU, in float32."""
        with _quiet():
            network, preprocess, tokenizer = _open(source)
        network.eval()
        return cls(
            name=source.name,
            fingerprint=_fingerprint(network, source),
            network=network,
            preprocess=preprocess,
            tokenizer=tokenizer,
        )

    def _moved(self, device: str, precision: str) -> Clip:
        self._network.to(device)
        self.device, self.precision = device, precision
        if precision == "bfloat16":
            self._network.visual.bfloat16()
            self.fingerprint = hashlib.sha256(f"{self.fingerprint} bfloat16".encode()).hexdigest()
        return self

    def preprocess(self, image: Image) -> Any:
        """The model's input for an RGB image: a float32 tensor, shape (3, height, width)."""
        return self._preprocess(self._tamed(image))

    def encode_pixels(self, pixels: Sequence[Any]) -> Vectors:
        """Unit vectors of preprocessed images, shape (n, d), in one batch.

        Halved as often as it takes where the memory is too small for all of them.
        """
        return self._encoded(self._pixel_vectors, pixels)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Unit vectors of RGB images, shape (n, d). A vector depends on its own image only."""
        parts = _parts(images, IMAGES_AT_ONCE)
        return _joined(self.encode_pixels([self.preprocess(image) for image in p]) for p in parts)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, shape (n, d); a text beyond the model's context is cut."""
        parts = _parts(texts, TEXTS_AT_ONCE)
        return _joined(self._encoded(self._text_vectors, part) for part in parts)

    def _pixel_vectors(self, pixels: Sequence[Any]) -> Any:
        import torch

        kind = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        vectors = self._network.encode_image(torch.stack(list(pixels)).to(self.device, kind))
        return vectors.float()

    def _text_vectors(self, texts: Sequence[str]) -> Any:
        tokens = self._tokenizer(list(texts)).to(self.device)
        if self._cuts_texts:
            return encode_cut(self._network, tokens)
        return self._network.encode_text(tokens)

    def _encoded(self, encode: Callable[[Sequence[Any]], Any], batch: Sequence[Any]) -> Vectors:
        try:
            return self._at_once(encode, batch)
        except RuntimeError as error:  # torch has one class for the GPU's memory and none for ours
            if len(batch) == 1 or "memory" not in str(error).lower():
                raise
        half = len(batch) // 2
        return _joined(self._encoded(encode, part) for part in (batch[:half], batch[half:]))

    def _at_once(self, encode: Callable[[Sequence[Any]], Any], batch: Sequence[Any]) -> Vectors:
        import torch

        with self._one_at_a_time, torch.inference_mode():
            unit = torch.nn.functional.normalize(encode(batch), dim=-1)
        vectors: Vectors = unit.cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"{self.name} answers with vectors that are not numbers.",
                hint="Its weights are damaged: fetch them again, or use another model.",
            )
        return vectors

    def _tamed(self, image: Image) -> Image:
        """The middle of a very long image: a 1 x 20000 one would be resized to gigabytes."""
        if not self._crops_centre or max(image.size) <= WIDEST_RATIO * min(image.size):
            return image
        width, height = (min(side, WIDEST_RATIO * min(image.size)) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))


def can_be_cut(network: Any) -> bool:
    """Whether a text's vector hangs on nothing behind its end: OpenAI's text tower in open_clip.

    Not so for SigLIP and other towers that look both ways, or take the vector elsewhere.
    """
    import open_clip

    return (
        type(network) is open_clip.CLIP
        and network.text_pool_type == "argmax"
        and network.attn_mask is not None
    )


def encode_cut(network: Any, tokens: Any) -> Any:
    """What `network.encode_text` answers for tokens, shape (n, context), where it `can_be_cut`.

    The end of a text is its largest token. Source: Radford et al. 2021, section 2.4, as in
    `open_clip.CLIP.encode_text`.
    """
    import torch

    ends = tokens.argmax(dim=-1)
    length = int(ends.max()) + 1
    x = network.token_embedding(tokens[:, :length]) + network.positional_embedding[:length]
    x = network.transformer(x, attn_mask=network.attn_mask[:length, :length])
    x = network.ln_final(x)[torch.arange(len(x), device=x.device), ends]
    projection = network.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection


def _use_quota_of_threads() -> None:
    """PyTorch counts the host's cores; a container may use far fewer."""
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), cpu_quota()))


def _joined(parts: Iterable[Vectors]) -> Vectors:
    found = list(parts)
    return np.concatenate(found) if found else np.empty((0, 0), dtype=np.float32)


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _open(source: ModelSource) -> tuple[Any, Any, Any]:
    import open_clip

    try:
        network, _, preprocess = open_clip.create_model_and_transforms(
            source.model_name,
            pretrained=source.pretrained,
            require_pretrained=True,
            **source.model_options,
        )
        tokenizer = _tokenizer(source)
    except Exception as error:  # open_clip, torch, safetensors and the hub each raise their own
        why = (str(error).strip().splitlines() or [repr(error)])[0][:300]
        raise ModelError(f"{source.name} cannot be loaded: {why}", hint=source.hint) from error
    return network, preprocess, tokenizer


def _tokenizer(source: ModelSource) -> Any:
    """By open_clip's own choice, but for transformers from a folder.

    Given a repository's name, it would ask the hub at each start for what may be newer.
    """
    import open_clip
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer

    if source.tokenizer_folder is None:
        return open_clip.get_tokenizer(source.model_name, **source.tokenizer_options)
    text = source.config["text_cfg"]
    return HFTokenizer(
        str(source.tokenizer_folder),
        context_length=text.get("context_length", DEFAULT_CONTEXT_LENGTH),
        tokenizer_mode=text.get("tokenizer_mode"),
        **text.get("tokenizer_kwargs", {}),
    )


def _check_golden(clip: Clip, source: ModelSource, folder: Path) -> None:
    stored = read_golden(folder)
    if stored is None or not (differing := stored.differing(measure(clip))):
        return
    other = not source.config.get("quick_gelu", False)
    flipped = Clip._opened(replace(source, model_options={"quick_gelu": other}))
    is_activation = not stored.differing(measure(flipped))
    raise misfit(folder, differing, quick_gelu=other if is_activation else None)


def _fingerprint(network: Any, source: ModelSource) -> str:
    """sha256 over weights, model config, preprocessing and tokenizer: all that scores hang on."""
    digest = hashlib.sha256()
    described = [source.config, network.visual.preprocess_cfg]
    if network.logit_bias is not None:
        described.append({"head": SIGMOID_HEAD})
    digest.update(json.dumps(described, sort_keys=True, default=str).encode())
    for path in source.tokenizer_files:
        digest.update(path.read_bytes())
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(f"{key} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip's loading chatter off stderr: what matters of it becomes a ModelError.

    open_clip logs on the root logger; without a handler there, Python would install one for good.
    """
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(silent)
