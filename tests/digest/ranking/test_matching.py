"""What readers can ask for, and which papers answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking.matching import LONGEST_PHRASE, Index, Rule, _name, match, phrase_pieces
from digest.ranking.words import fold, words
from tests.support.texts import Text


def answers(rule: Rule, paper: Text) -> bool:
    return bool(match([rule], [paper]).toarray()[0, 0])


def keyword(phrase: str, title: str, abstract: str = "") -> bool:
    return answers(Rule("keyword", phrase), Text(title, abstract))


def author(followed: str, written: str) -> bool:
    return answers(Rule("author", followed), Text("A title", authors=(written,)))


@pytest.mark.parametrize(
    ("phrase", "title"),
    [
        ("graph neural network", "Scaling Graph Neural Networks"),
        ("graph neural networks", "A graph neural network for molecules"),
        ("self-supervised", "Self supervised learning of speech"),
        ("self supervised", "SELF-SUPERVISED vision"),
        ("Schrödinger bridge", "Diffusion Schrodinger bridges"),
        ("parkinsons disease", "Parkinson's disease from gait"),
        ("C++", "Safer C++ by construction"),
        ("3D", "Generating 3D scenes"),
        ("ontologies", "An ontology of soil"),
        ("hypothesis", "Testing many hypotheses at once"),
        ("матрица", "Случайная матрица и её спектр"),
    ],
)
def test_a_keyword_is_found_whatever_its_case_accents_hyphens_and_plural(phrase: str, title: str) -> None:
    assert keyword(phrase, title)


@pytest.mark.parametrize(
    ("phrase", "title"),
    [
        ("gan", "Organ transplants in Michigan"),
        ("graph network", "Graph neural networks"),
        ("neural graph", "Graph neural networks"),
        ("C++", "Vitamin C and colds"),
        ("", "Anything"),
        ("--- !", "Anything --- !"),
        ("word " * 40, "word " * 50),
    ],
)
def test_a_keyword_is_not_found_inside_words_out_of_order_or_when_it_is_no_phrase(phrase: str, title: str) -> None:
    assert not keyword(phrase, title)


def test_a_phrase_may_stand_in_the_abstract_but_not_across_title_and_abstract() -> None:
    assert keyword("dark matter", "Axions", "We search for dark matter.")
    assert not keyword("dark matter", "What is dark", "Matter is heavy.")


@pytest.mark.parametrize(
    ("asked", "has", "matches"),
    [
        ("cs.LG", "cs.LG", True),
        ("cs.lg", "cs.LG", True),
        ("cs.LG", "cs.CL", False),
        ("math", "math.CA", True),
        ("math", "math-ph", False),
        ("astro-ph", "astro-ph.GA", True),
        ("astro-ph", "astro-ph", True),
        ("cs", "physics.comp-ph", False),
        ("cs.L", "cs.LG", False),
        ("", "cs.LG", False),
    ],
)
def test_a_category_matches_itself_and_an_archive_all_its_classes(asked: str, has: str, matches: bool) -> None:
    assert answers(Rule("category", asked), Text("A title", categories=("stat.ML", has))) is matches


@pytest.mark.parametrize(
    "written",
    [
        "Jane Doe", "J. Doe", "J Doe", "Doe, Jane", "Doe, J.", "Doe J", "Jane Q. Doe", "Doe, Jane Q.", "JQ Doe",
        "JANE DOE", "Jane Doe Jr.", "Jane Doe, PhD", "Jané Doë",
    ],
)  # fmt: skip
def test_an_author_is_recognised_however_the_name_is_written(written: str) -> None:
    assert author("Jane Doe", written)
    assert author(written, "Jane Doe")


@pytest.mark.parametrize(
    ("followed", "written"),
    [
        ("Jane Doe", "John Doe"),
        ("Jane Doe", "Jane Roe"),
        ("Jane Doe", "Doe"),
        ("Jane Doe", "Q. Doe"),
        ("Jane Q. Doe", "Jane R. Doe"),
        ("Doe", "Jane Doe"),
        ("Jane Doe", "Jane Doering"),
        ("Jane Doe", ""),
        ("", ""),
        ("...", "Jane Doe"),
    ],
)
def test_another_person_is_not_taken_for_the_author(followed: str, written: str) -> None:
    assert not author(followed, written)


@pytest.mark.parametrize(
    ("followed", "written"),
    [
        ("Laurens van der Maaten", "van der Maaten, Laurens"),
        ("Laurens van der Maaten", "Laurens J. van der Maaten"),
        ("Jean-Pierre Serre", "J.-P. Serre"),
        ("Jean-Pierre Serre", "J.P. Serre"),
        ("Xiao-Ming Li", "Xiaoming Li"),
        ("Łukasz Kaiser", "Lukasz Kaiser"),
        ("DeepSeek-AI", "DeepSeek AI"),
    ],
)
def test_particles_double_names_and_groups_are_names_too(followed: str, written: str) -> None:
    assert author(followed, written)


def test_a_topic_matches_by_any_of_its_categories_or_keywords() -> None:
    topic = Rule("topic", "climate", "Climate", categories=("physics.ao-ph",), keywords=("climate model", "monsoon"))
    assert answers(topic, Text("Monsoons since 1900"))
    assert answers(topic, Text("Ocean waves", categories=("physics.ao-ph",)))
    assert answers(topic, Text("Emulators", "A climate model in a day"))
    assert not answers(topic, Text("A model of a climate", categories=("cs.LG",)))


def test_the_matrix_has_a_row_for_each_paper_and_a_column_for_each_rule() -> None:
    rules = [Rule("keyword", "bees"), Rule("category", "q-bio"), Rule("author", "A. Maier"), Rule("keyword", "bee")]
    papers = [
        Text("The dance of the bee", authors=("Anna Maier",)),
        Text("Wasps", categories=("q-bio.PE",)),
        Text("Ants"),
    ]
    assert match(rules, papers).toarray().tolist() == [[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_no_rules_or_no_papers_give_an_empty_matrix() -> None:
    assert match([], []).shape == (0, 0)
    assert match([Rule("keyword", "bees")], []).shape == (0, 1)
    assert match([], [Text("Bees")]).shape == (1, 0)


def test_hostile_text_is_only_text() -> None:
    rules = [Rule("keyword", "a"), Rule("keyword", "a " * 25), Rule("author", ", ," * 1000), Rule("category", "\x00")]
    papers = [Text("a " * 100_000, "\x00\ud800 .*(?:)" * 100, authors=(",", "x" * 100_000), categories=("", "."))]
    assert match(rules, papers).toarray().tolist() == [[1, 1, 0, 0]]


def test_thousands_of_rules_and_papers_agree_with_one_at_a_time() -> None:
    rng = np.random.default_rng(7)
    vocabulary = [f"w{number}" for number in range(60)]
    rules = [Rule("keyword", " ".join(rng.choice(vocabulary, size))) for size in rng.integers(1, 3, 2000)]
    papers = [Text(" ".join(rng.choice(vocabulary, 8)), " ".join(rng.choice(vocabulary, 60))) for _ in range(200)]
    found = match(rules, papers)
    for paper, rule in rng.integers(0, [200, 2000], (100, 2)):
        expected = any(f" {rules[rule].key} " in f" {text} " for text in (papers[paper].title, papers[paper].abstract))
        assert bool(found[paper, rule]) is expected


PIECES = st.sampled_from(
    [
        "graph",
        "Graphs",
        "neural",
        "network",
        "networks",
        "self-supervised",
        "C++",
        "3D",
        "\u00e9tale",
        "\x00",
        "of",
        ",",
        "-",
        "\u202e",
    ]
)
LINES = st.lists(PIECES, max_size=8).map(" ".join)
NAMES = st.sampled_from(
    ["Jane Doe", "J. Doe", "Doe, Jane Q.", "JP Serre", "Jean-Pierre Serre", "Li Wei", "Wei", "", ","]
)
CODES = st.sampled_from(["cs.LG", "cs.lg", "cs", "math", "math.CA", "math-ph", ".", "", " cs.RO "])
RULES = st.one_of(
    LINES.map(lambda phrase: Rule("keyword", phrase)),
    CODES.map(lambda code: Rule("category", code)),
    NAMES.map(lambda name: Rule("author", name)),
    st.builds(
        lambda codes, phrases: Rule("topic", "t", "T", tuple(codes), tuple(phrases)),
        st.lists(CODES, max_size=2),
        st.lists(LINES, max_size=3),
    ),
)
TEXTS = st.builds(Text, LINES, LINES, st.lists(NAMES, max_size=3), st.lists(CODES, max_size=3))


def answers_read_word_by_word(rule: Rule, paper: Text) -> bool:
    """What ``match`` says of itself, without an index."""
    for phrase in rule.phrases:
        wanted = words(phrase)
        for line in (words(paper.title), words(paper.abstract)):
            starts = range(len(line) - len(wanted) + 1)
            if 0 < len(wanted) <= LONGEST_PHRASE and any(line[at : at + len(wanted)] == wanted for at in starts):
                return True
    for code in (fold(code).strip() for code in rule.covered):
        if code and any(code in (own, own.partition(".")[0]) for own in (fold(c).strip() for c in paper.categories)):
            return True
    name = _name(rule.key) if rule.kind == "author" else None
    return bool(name) and any(name.agrees_with(other) for other in map(_name, paper.authors) if other)


@given(st.lists(RULES, max_size=6), st.lists(TEXTS, max_size=6))
@settings(max_examples=400, deadline=None)
def test_the_index_finds_what_reading_every_paper_word_by_word_finds(rules: list[Rule], papers: list[Text]) -> None:
    index = Index(papers)
    found = index.match(rules).toarray()
    assert found.shape == (len(papers), len(rules))
    for row, paper in enumerate(papers):
        for column, rule in enumerate(rules):
            assert bool(found[row, column]) is answers_read_word_by_word(rule, paper), (rule, paper)
    assert (index.match(rules[::-1]).toarray() == found[:, ::-1]).all()  # asked again, and in another order


@pytest.mark.parametrize(
    ("text", "phrases", "marked"),
    [
        ("On Graph-Colourings of graphs", ["graph colouring"], ["Graph-Colourings"]),
        ("Müller’s C++ and c++ in C", ["C++", "muller"], ["Müller", "C++", "c++"]),
        ("dark matter, dark Matter halos", ["dark matter", "dark matter halo"], ["dark matter", "dark Matter halos"]),
        ("Nothing <b> here", ["there", "", "—"], []),
        ("量子 computing", ["量子"], ["量子"]),
    ],
)
def test_phrases_are_marked_where_they_match_and_no_text_is_lost(
    text: str, phrases: list[str], marked: list[str]
) -> None:
    pieces = list(phrase_pieces(text, phrases))
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, is_asked in pieces if is_asked] == marked
