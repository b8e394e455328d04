"""Compose the digest that somebody would get now; write nothing.

In: a visitor's choices, or a reader. Out: the rendered mail, made by the functions of the real run.
"""
