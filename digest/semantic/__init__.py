"""Have the operator's model, if one is set, make vectors of papers' titles and of the words that readers typed.

In: papers, lists and preferences; a folder with an ONNX model, or an endpoint. Out: ``VectorModel``, ``TitleVector``,
``StatedVector`` and ``TextsVector`` rows, which ``digest.vectors`` reads. Only a worker asks a model, never a page
or a plan.
"""
