"""Prompts: what a campaign asks image models to draw."""

from importers.prompts.sampling import write_prompts

__all__ = ["write_prompts"]
