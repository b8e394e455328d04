"""What is used of scipy's sparse matrices, without all of numpy.

scipy copies every public name of numpy, and so imports numpy.f2py, numpy.testing and others that nothing here uses:
5 MB of each process, and half of the 0.3 s that the import takes. They are hidden while scipy is imported.
"""

from __future__ import annotations

import numpy as np

UNUSED = frozenset({"char", "core", "ctypeslib", "f2py", "ma", "polynomial", "rec", "testing"})

_listed, _exported = np.__dir__, np.__all__
vars(np).update(
    __dir__=lambda: [name for name in _listed() if name not in UNUSED],
    __all__=[name for name in _exported if name not in UNUSED],
)
try:
    from scipy.sparse import csc_array, csr_array, hstack, vstack
finally:
    vars(np).update(__dir__=_listed, __all__=_exported)

__all__ = ["csc_array", "csr_array", "hstack", "vstack"]
