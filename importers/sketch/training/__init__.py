"""How the tiny CLIP came to be: vocabulary, data set, training, evaluation.

``python -m importers.sketch.training --out DIR`` rebuilds the model folder from nothing;
``python -m importers.sketch.training.evaluate`` measures it on fresh drawings.
"""
