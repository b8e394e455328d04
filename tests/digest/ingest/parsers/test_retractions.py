"""Which works were taken back, and which items are no works, by the form of their words."""

from __future__ import annotations

import pytest

from digest.ingest import parsers
from digest.ingest.parsers.retractions import says_withdrawn, why_no_work

NOTICE, MATTER = "a notice about another paper", "front matter of an issue"


@pytest.mark.parametrize(
    "title",
    [
        *("RETRACTED ARTICLE: Bees count", "RETRACTED: bees count", "Retracted: Bees count", "Retracted Article: bees"),
        *("[Retracted] Bees count", "Bees count (RETRACTED)", "Bees count – RETRACTED", "RETRACTED Bees that count"),
        *("Retracted - Bees count", "**RETRACTED** Bees count", "Withdrawn as duplicate: Bees count"),
        *("WITHDRAWN: Bees count", "(Withdrawn) Bees", "TEMPORARY REMOVAL: Bees", "<b>WITHDRAWN</b>: Bees count"),
    ],
)
def test_a_title_that_bears_the_mark_is_taken_back(title: str) -> None:
    assert says_withdrawn(title=title)
    assert not why_no_work(title)


@pytest.mark.parametrize(
    "words",
    [
        *(
            "This paper has been withdrawn by the authors due to an error.",
            "Paper withdrawn",
            "Withdrawn.",
            "Retracted",
        ),
        "This version has been removed by arXiv administrators as the submitter had no right to it",
        *("I am withdrawing this paper because of a flaw in Lemma 2", "We have retracted this article"),
        *("This version withdrawn by arXiv administrators due to a dispute", "Paper is withdrawn until further notice"),
        *("Author withdrew this paper", "The authors request withdrawal of this paper"),
        *("Due to an error, this paper has been withdrawn", "This paper has a gap and was withdrawn"),
        *("The authors have withdrawn their manuscript", "The Editor-in-Chief has retracted this article"),
        *("This article has been retracted at the request of the editor", "bioRxiv has withdrawn this preprint"),
    ],
)
def test_an_abstract_or_comment_that_says_so_takes_a_work_back(words: str) -> None:
    assert says_withdrawn(abstract=words)
    assert says_withdrawn(abstract=f"<p>{words}</p>")
    assert says_withdrawn(comment=f"12 pages; {words}")


@pytest.mark.parametrize(
    "words",
    [
        *("Withdrawn accounts are hard to model", "Retracted papers keep being cited", "A robot withdraws a needle"),
        *(
            "This paper was withdrawn from a conference",
            "Appendix removed, 12 pages",
            "Retracted in 2020, a study of bees",
        ),
        *(
            "Authors withdraw their papers often",
            "The paper is about withdrawn drugs",
            "In this paper noise was removed",
        ),
        *("This version has been updated", "Removed bees", "At dusk, this paper bag has been withdrawn from hives"),
    ],
)
def test_words_about_taking_back_take_nothing_back(words: str) -> None:
    assert not says_withdrawn(title=words, abstract=words, comment=words)
    assert not why_no_work(words)


def test_a_subtitle_is_no_mark() -> None:
    assert not says_withdrawn(title="Retracted: what happens to papers next")


@pytest.mark.parametrize(
    ("title", "why"),
    [
        *(
            (f"{word}: Bees count", NOTICE)
            for word in ("Retraction Note", "Correction to", "Author Correction", "Erratum")
        ),
        *((f"{word} “Bees count”", NOTICE) for word in ("Retraction notice to", "Corrigendum to", "Correction to")),
        *(
            (title, NOTICE)
            for title in ("Erratum", "Retraction: Bees", "Correction for Lee et al., Bees", "Correction")
        ),
        *((f"{word}: Bees", NOTICE) for word in ("Expression of Concern", "Publisher’s Note", "Notice of Retraction")),
        *(
            (title, MATTER)
            for title in ("Issue Information", "Bee letters: Issue Information", "Issue Information – Cover")
        ),
        *(
            (title, MATTER)
            for title in ("Front Cover: Bees (Bee Lett. 3/2026)", "[Front cover]", "Masthead", "Contents")
        ),
        *((title, MATTER) for title in ("Editorial Board", "IEEE Transactions on Bees publication information")),
        *(
            (title, "")
            for title in ("Correction of drift in bees", "Correction to the mass of bees", "Retraction of stings")
        ),
        *(
            (title, "")
            for title in ("Erratum detection by bees", "Errata in hives: a survey", "Addendum to bee theory")
        ),
        *(
            (title, NOTICE)
            for title in ("Bees count – CORRIGENDUM", "Bees count (Erratum)", "[Corrigendum] Bees count")
        ),
        *(
            (title, NOTICE)
            for title in ("Editorial Retraction: Bees", "Notice of duplicate publication: Bees", "Correction.")
        ),
        *(
            (title, MATTER)
            for title in ("In This Issue", "About the Cover", "Call for papers: bees", "List of Reviewers")
        ),
        *(
            (title, MATTER)
            for title in ("Acknowledgment of Reviewers in 2025", "Volume 3 Index", "Graphical Abstracts")
        ),
        *(
            (title, "")
            for title in ("Reviewers of bees", "Announcements and honey", "Highlights", "Hives: announcements")
        ),
        *((title, "") for title in ("Cover-free hives", "Front matter in books on bees", "Contents and discontents")),
    ],
)
def test_notices_and_front_matter_are_no_works(title: str, why: str) -> None:
    assert why_no_work(title) == why
    assert not says_withdrawn(title=title)


def test_a_paper_with_an_abstract_may_begin_like_a_notice() -> None:
    assert why_no_work("Correction: how bees mend their dances", "We watch bees. " * 40) == ""
    assert why_no_work("Correction: an operator for maps", "We watch bees.") == ""
    assert why_no_work("Correction: how bees mend", "This article has been corrected.") == NOTICE
    assert why_no_work("Erratum: how bees mend their dances", "We watch bees. " * 40) == NOTICE


def test_a_notice_is_refused_and_not_missed() -> None:
    items = "".join(
        f"<item><title>{title}</title><link>https://bees.example/{at}</link></item>"
        for at, title in enumerate(["Bees count", "Erratum: Bees", "Bees (retracted)", "Masthead"])
    )
    read = parsers.read(f'<rss version="2.0"><channel><title>Bees</title>{items}</channel></rss>'.encode())
    assert [(entry.title, entry.withdrawn) for entry in read.entries] == [
        ("Bees count", False),
        ("Bees (retracted)", True),
    ]
    assert [(one.what, one.why) for one in read.refused] == [("Erratum: Bees", NOTICE), ("Masthead", MATTER)]
    assert read.expected == 2
