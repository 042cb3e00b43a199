"""The dataset card of a release: what it says, its pictures, the campaign file."""
