"""Clean the text of sources for readers: TeX, HTML, names, sentences and accents."""

from digest.text.extractive_summary import key_sentence
from digest.text.marks import visible
from digest.text.names import clean_name, fold, split_authors
from digest.text.reading import clean, clean_abstract
from digest.text.sentences import sentences, snippet

__all__ = [
    "clean",
    "clean_abstract",
    "clean_name",
    "fold",
    "key_sentence",
    "sentences",
    "snippet",
    "split_authors",
    "visible",
]
