"""Generated rules about generated people, and engines side by side: proof that an engine gives the answers that the language means.

The tests use it, and `almoner doctor --engine NAME` on the machine and the cluster where an engine is to serve.
"""
