"""`ls-clip doctor`: what stands between Label Studio, the ML backend and a project, line by line.

It looks and asks, and changes nothing: no task is locked, no prediction stored.
"""
