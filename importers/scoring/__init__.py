"""CLIP looks at the samples: scores, which of them people see, and what may be deleted."""
