"""A task becomes pixels becomes vectors: fetched safely, decoded within bounds, remembered."""
