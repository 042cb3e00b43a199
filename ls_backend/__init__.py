"""A Label Studio ML backend that serves CLIP pre-annotations with a confidence."""
