"""Prompts: what a campaign asks image models to draw."""

from importers.prompts.templates import write_prompts

__all__ = ["write_prompts"]
