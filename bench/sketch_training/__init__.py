"""How the tiny CLIP came to be: vocabulary, data set, training, evaluation.

``python -m bench.sketch_training --out DIR`` rebuilds the model folder from nothing;
``python -m bench.sketch_training.evaluate`` measures it on fresh drawings.
"""
