"""Quiet by policy: of everything that could be said, what is said now, to whom, and why not the rest.

`decision` decides; `monitor` tells whether a rule speaks as often as it did, of cards and of sweeps alike.
"""
