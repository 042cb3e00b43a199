"""The demo: the whole loop on one machine, on a real Label Studio, offline and without keys."""
