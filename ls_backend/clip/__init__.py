"""A model's files become vectors: what is loaded, from where, on which device."""
