"""The prompt that a picture was drawn from, read from the text chunks of its PNG.

Knows two writers: the AUTOMATIC1111 web UI (`parameters`: the prompt, then "Negative prompt:" and
"Steps:") and ComfyUI (`prompt`, the graph that was run, or `workflow`, the graph on screen: the
text that leads to the sampler's positive input).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_END_OF_PROMPT = re.compile(r"^(Negative prompt:|Steps: )", re.MULTILINE)
_TEXT_INPUTS = ("text", "text_g", "t5xxl", "clip_l", "string", "value", "prompt")
_CONDITIONING_INPUTS = ("positive", "guider", "conditioning", "conditioning_1", "conditioning_to")

Graph = Mapping[str, Mapping[str, Any]]


def prompt_in_png(path: Path) -> str | None:
    """The prompt that the picture's generator wrote into it; None where there is none.

    Raises:
        OSError, SyntaxError, ValueError: the file is no image, or its text is too long to be read.
    """
    from PIL import Image

    with Image.open(path) as image:
        chunks = {name: text for name, text in image.info.items() if isinstance(text, str)}
    if "parameters" in chunks:
        return automatic1111_prompt(chunks["parameters"])
    for name, graph_of in (("prompt", _graph_that_ran), ("workflow", _graph_on_screen)):
        if name in chunks:
            prompt = comfyui_prompt(graph_of(_json(chunks[name])))
            if prompt is not None:
                return prompt
    return None


def automatic1111_prompt(parameters: str) -> str | None:
    """What stands before the negative prompt and the settings; None where that is nothing."""
    end = _END_OF_PROMPT.search(parameters)
    prompt = parameters[: end.start()] if end else parameters
    return " ".join(prompt.split()) or None


def comfyui_prompt(graph: Graph) -> str | None:
    """The text that leads to a sampler's positive input; None where no text does.

    Args:
        graph: Number of a node → its `class_type` and its `inputs`, each a value or a link
            [number of the node it comes from, place of the output].
    """
    samplers = [node for node in graph.values() if "Sampler" in str(node.get("class_type"))]
    for sampler in samplers:
        text = _first_text(graph, sampler, _CONDITIONING_INPUTS, seen=set())
        if text is not None:
            return text
    return None


def _first_text(
    graph: Graph, node: Mapping[str, Any], names: tuple[str, ...], seen: set[str]
) -> str | None:
    """Follow a node's links of these names upwards to the first text."""
    for source in _linked(graph, node, names, seen):
        text = _own_text(graph, source, seen)
        text = text or _first_text(graph, source, _CONDITIONING_INPUTS, seen)
        if text is not None:
            return text
    return None


def _own_text(graph: Graph, node: Mapping[str, Any], seen: set[str]) -> str | None:
    inputs = _inputs(node)
    for name in _TEXT_INPUTS:
        value = inputs.get(name)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    for source in _linked(graph, node, _TEXT_INPUTS, seen):
        text = _own_text(graph, source, seen)
        if text is not None:
            return text
    return None


def _linked(
    graph: Graph, node: Mapping[str, Any], names: tuple[str, ...], seen: set[str]
) -> Iterator[Mapping[str, Any]]:
    """The nodes that a node's inputs of these names come from, each once: links may go round."""
    inputs = _inputs(node)
    for name in names:
        link = inputs.get(name)
        if isinstance(link, list) and link and str(link[0]) in graph and str(link[0]) not in seen:
            seen.add(str(link[0]))
            yield graph[str(link[0])]


def _inputs(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # another program's chunk of that name
        return None


def _graph_that_ran(stored: Any) -> Graph:
    if not isinstance(stored, dict):
        return {}
    return {number: node for number, node in stored.items() if isinstance(node, dict)}


def _graph_on_screen(stored: Any) -> Graph:
    """A workflow in the form of a graph that ran; a node's first written value is its text."""
    nodes = stored.get("nodes") if isinstance(stored, dict) else None
    links = stored.get("links") if isinstance(stored, dict) else None
    if not isinstance(nodes, list) or not isinstance(links, list):
        return {}
    source = {
        link[0]: link[1:3]
        for link in links
        if isinstance(link, list) and len(link) > 2 and isinstance(link[0], int)
    }
    return {
        str(node.get("id")): {
            "class_type": node.get("type"),
            "inputs": _screen_inputs(node, source),
        }
        for node in nodes
        if isinstance(node, dict)
    }


def _screen_inputs(node: Mapping[str, Any], source: Mapping[int, Any]) -> dict[str, Any]:
    listed = node.get("inputs")
    inputs = {
        str(entry.get("name")): source[entry["link"]]
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
        and isinstance(entry.get("link"), int)
        and entry["link"] in source
    }
    written = node.get("widgets_values")
    if isinstance(written, list) and written and isinstance(written[0], str):
        inputs.setdefault("text", written[0])
    return inputs
