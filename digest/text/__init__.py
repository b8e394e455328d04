"""Clean text: in, as sources write it; out, as readers read it. TeX, HTML, names, sentences and accents, and no Django."""

from digest.text.marks import visible
from digest.text.names import clean_name, fold, split_authors
from digest.text.reading import clean, clean_abstract
from digest.text.residue import RESIDUE, lost_words
from digest.text.sentences import sentences, snippet

__all__ = [
    "RESIDUE",
    "clean",
    "clean_abstract",
    "clean_name",
    "fold",
    "lost_words",
    "sentences",
    "snippet",
    "split_authors",
    "visible",
]
