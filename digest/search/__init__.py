"""Search papers by words, authors and identifiers, and find papers like another.

In: stored papers (``index`` keeps their terms in step), and what somebody typed. Out: ids of papers, best first.
"""

from digest.search.find import Filters, Kind, SearchResult, having_all, search
from digest.search.index import index
from digest.search.likeness import similar

__all__ = ["Filters", "Kind", "SearchResult", "having_all", "index", "search", "similar"]
