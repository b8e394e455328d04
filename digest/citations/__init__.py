"""Write the reference of a work for programs that manage references. Pure.

In: a ``Reference`` of clean text. Out: BibTeX, RIS or CSL-JSON, one reference each, escaped for its format.
"""
