"""Turn the bytes of a source into stored papers.

In: a source's row or a file. Out: ``Paper``, ``Identifier`` and ``Sighting`` rows, each work once, and what a reading
expected and stored in ``Source.last_reading``. ``refresh`` fetches what is due, ``store`` writes one reading.
"""
