"""A labeling config says what to fill, with which labels, and in which words CLIP reads them."""
