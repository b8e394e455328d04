"""What readers see of titles, names and abstracts, whatever their sources wrote."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.text import clean, clean_abstract, clean_name, fold, key_sentence, sentences, snippet, split_authors
from digest.text.limits import MOST
from digest.text.symbols import names_in
from tests.benchmarks.residue import RESIDUE, lost_words

steady = settings(derandomize=True, deadline=None, max_examples=80, database=None)

SCRAPS = (
    *"\\{}$^_~`'\"%&<>-()[]. ,;:=/*\n\t\x00\u200b\u202e\u00ad\ufeff0123abNOxyzéΩ中😀\u0301\u200d\ud800",
    *names_in(
        r"\alpha \frac \sqrt[3] \cite \href \mathcal \emph{ \begin{x} \end \left \( \) \$ \\ \' \" \v \tilde \ours"
    ),
    *names_in(
        "mathcal{ varepsilon ntimes times alpha infty left( right) scriptsizeA https://a.b/c{ 1{t} &amp; &lt; <b> </b>"
    ),
    *names_in(
        "<sub> </sub> <script> <!-- --> <jats:p> <think> Abstract: textbf{ in to pm lceil {bf e.g. $5 \\5 ^{ _{ }{"
    ),
)
hostile = st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join) | st.text(max_size=80)
plain_ascii = st.text(alphabet="abcdeghnorwABCDEGHNORW !\"#%'()*+,-./0123456789:;=?@[]|", max_size=80)


@steady
@given(hostile)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert clean(clean(text, html=False), html=False) == clean(text, html=False)
    abstract = clean_abstract(text)
    assert clean_abstract(abstract) == abstract


@steady
@given(hostile)
def test_what_comes_out_is_one_line_of_visible_composed_characters(text: str) -> None:
    for cleaned in (clean(text), clean_abstract(text)):
        assert cleaned == " ".join(cleaned.split())
        assert unicodedata.is_normalized("NFC", cleaned)
        assert not {"Cc", "Cs", "Co"} & set(map(unicodedata.category, cleaned))
        assert not set(
            "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        ) & set(cleaned)
        cleaned.encode()


@steady
@given(hostile)
def test_a_text_does_not_grow_beyond_twice_its_length(text: str) -> None:
    assert len(clean(text)) <= min(MOST, 2 * len(text) + 20)


@steady
@given(
    st.lists(st.sampled_from([*"\\{}$^_~`'\"%. abNOé中", r"\alpha", r"\cite{", r"\begin{"]), max_size=30).map("".join)
)
def test_letters_never_leave_nothing_behind(text: str) -> None:
    if any(map(str.isalpha, text)):
        assert clean(text)


@steady
@given(plain_ascii)
def test_plain_words_come_back_as_they_are(text: str) -> None:
    assert clean(text) == " ".join(text.split())


@steady
@given(hostile)
def test_names_sentences_and_figures_take_any_text(text: str) -> None:
    assert all(name.strip() for name in split_authors(text))
    assert clean_name(clean_name(text)) == clean_name(text)
    assert fold(fold(text)) == fold(text)
    assert " ".join(sentences(text)) == " ".join(text.split()) or "。" in text or "！" in text or "？" in text
    assert len(snippet(text, limit=30)) <= 30
    lost_words(text, clean(text))
    RESIDUE.search(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        # accents and letters
        (r"Schr\"odinger, Paulo Andr\'e, Erd\H{o}s", "Schrödinger, Paulo André, Erdős"),
        (r"\'Etude, \AA ngstr\"om, stra\ss e, \OE uvre", "Étude, Ångström, straße, Œuvre"),
        (r"{\L}ukasz \v{C}ech, \O rsted, \c{S}en, Gr{\"o}bner", "Łukasz Čech, Ørsted, Şen, Gröbner"),
        (r"na\"{\i}ve Ar{\i}kan", "naïve Arıkan"),
        (r"N. Fat\`es' candidate", "N. Fatès' candidate"),
        (r"the MLLM\'s and users\' data, Don\'t", "the MLLM's and users' data, Don't"),
        (r"he said \"hello\" to us", 'he said "hello" to us'),
        # percent, ampersand, money
        (r"Costs \$5 & 100% of R\&D", "Costs $5 & 100% of R&D"),
        ("A $30 budget and a $50 budget", "A $30 budget and a $50 budget"),
        (r"over \250 million, a \$250M pod", "over $250 million, a $250M pod"),
        (r"from 5$ to 6$ per hour, US$ and A$", "from 5$ to 6$ per hour, US$ and A$"),
        (r"(1) fast; \3) cheap", "(1) fast; 3) cheap"),
        # maths
        ("around $17$ of $n$ items", "around 17 of n items"),
        (r"$O(\sqrt{n}\log n)$ and $\tilde{O}(n^{1/2+1/k})$", "O(√n log n) and Õ(n^(1/2+1/k))"),
        (r"$x \in \{0,1\}^n$, $A_{ij}\sim P$", "x ∈ {0,1}ⁿ, Aᵢⱼ∼P"),
        (r"$\frac{11}{2}n-11$ or $\frac{\alpha-1}{2}$", "(11/2)n-11 or (α-1)/2"),
        (r"$2^{k^3}$ and $e^{C_1N}$", "2^(k³) and e^(C₁N)"),
        (r"B^0_s \to \mu\mu", "B⁰_s → μμ"),
        (r"$k$-NN, $\mathbb{R}^d$, $r_{k\text{-SAT}}$", "k-NN, Rᵈ, r_(k-SAT)"),
        (r"$\mathbb{P}[\mathrm{error}] \not\to 0$", "P[error] ↛ 0"),
        (r"\[ a \leq b \] and \(c\)", "a ≤ b and c"),
        (r"G^2RPO, 10^{-8}, R^2=0.81, f_theta, a^b_c", "G²RPO, 10⁻⁸, R²=0.81, f_θ, aᵇ_c"),
        (r"CO$_2$, Fe$^{3+}$, 90$^\circ$C, 5 $\mu$m, SU(2)$\times$U(1)", "CO₂, Fe³⁺, 90°C, 5 μm, SU(2)×U(1)"),
        (r"$e^+e^-\to\mu^+\mu^-$ at $\sqrt{s}=13$ TeV", "e⁺e⁻→μ⁺μ⁻ at √s=13 TeV"),
        # commands
        (r"\mbox{bull} and \textsc{AIEV} {\em are \bf bold}", "bull and AIEV are bold"),
        (r"we propose \ours{} and \CSTN, \eg this", "we propose ours and CSTN, e.g. this"),
        (r"as shown \cite{STV} and \cite[STOC]{LP}", "as shown [STV] and [LP, STOC]"),
        (r"trade-off\footnote{See here.}.", "trade-off (See here.)."),
        (r"at \url{https://a.org/b_c~d}, \href{https://a.org/x_y}{here}", "at https://a.org/b_c~d, here (https://a.org/x_y)"),
        (r"see \href{https://a.org", "see https://a.org"),
        (r"\unknown{kept words} here", "kept words here"),
        (r"a cut \frac", "a cut /"),
        (r"par\-adigms, i.\,i.\,d. data, 10\,km", "paradigms, i.i.d. data, 10 km"),
        # ties, quotes, braces
        ("prediction~Perdomo, about ~60%, 10~20 km, Models~(MLLMs)", "prediction Perdomo, about ~60%, 10~20 km, Models (MLLMs)"),
        ("the ``emergent'' and `blocked' kinds", "the “emergent” and ‘blocked’ kinds"),
        ("{B}ayesian {GAN}s, values {-1, 0, 1}", "Bayesian GANs, values {-1, 0, 1}"),
        ("range -- of 5--6", "range -- of 5--6"),
        ("snake_case and next_word of MOD_LEACH", "snake_case and next_word of MOD_LEACH"),
    ],
)  # fmt: skip
def test_tex_is_drawn(written: str, read: str) -> None:
    assert clean(written) == read
    assert not RESIDUE.search(read)
    assert not lost_words(written, read)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("mathcal{O}( n + nLvarepsilon^{-1})", "O( n + nLε⁻¹)"),
        ("Scaling scriptsizeFLaws: The", "Scaling FLaws: The"),
        ("p_{comp} > 0.5 and p_{gen}", "p_comp > 0.5 and p_gen"),
        ("as N^{-alpha}, alpha=4/d", "as N⁻ᵅ, α=4/d"),
        ("taking NO times NO, a 12 times 12 grid", "taking NO × NO, a 12 × 12 grid"),
        ("bigotimes_{i in J} X_i", "⨂_(i ∈ J) Xᵢ"),
        ("XinR^{ntimes d}, rho^2dto0 as dtoinfty", "X∈R^(n× d), ρ²d→0 as d→∞"),
        ("o(sqrt[3]{log n}), exp(QK^top) {bf 1}_n", "o(∛(log n)), exp(QKᵀ) 1_n"),
        ("mathcal{O}(mathcal{C_{Phi circ Psi}/n})", "O(C_(Φ ∘ Ψ)/n)"),
        ("0.29 pm 4.88 cdot 10^{-8}, coupling (4pi)^2", "0.29 ± 4.88 · 10⁻⁸, coupling (4π)²"),
        ("an O(1{t}) rate, tilde Omega(T^{1/3})", "an O(1/t) rate, Ω̃(T^(1/3))"),
        ("4times faster at 360^circ", "4× faster at 360°"),
        ("{cal N}=4 at leq 5%, red{Warning}", "N=4 at ≤ 5%, Warning"),
        ("at https://a.org/b_c{https://a.org/b_c}, https://a.org/x{our code}", "at https://a.org/b_c, our code (https://a.org/x)"),
    ],
)  # fmt: skip
def test_tex_that_lost_its_backslashes_is_drawn(written: str, read: str) -> None:
    assert clean(written) == read
    assert not lost_words(written, read)


@pytest.mark.parametrize(
    "text",
    [
        "It ran five times, 5 times a day, and 3 times in a row",
        "alpha, beta and gamma of the top star in the sum",
        "O(n^2) in inequality and anecdote at 3 pm to 5",
        "training a bin of {a, b} in the main point",
    ],
)
def test_words_that_are_names_of_tex_stay_words(text: str) -> None:
    assert clean(text) == text.replace("^2", "²")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("p<0.05 where a < b and c > d", "p<0.05 where a < b and c > d"),
        ("the <think> and <EOS> tokens, R&D, AT&T; x", "the <think> and <EOS> tokens, R&D, AT&T; x"),
        ("if a<b>c holds", "if a<b>c holds"),
        ("H<sub>2</sub>O at 10<sup>-3</sup> &amp;lt; 1", "H₂O at 10⁻³ < 1"),
        ("<i>E.&nbsp;coli</i> &#39;grows&#x27; <a href='x'>here</a>", "E. coli 'grows' here"),
        ("One.<br/>Two.<p>Three.</p>", "One. Two. Three."),
        ("<script>alert(1)</script>Safe <!-- hidden --> text", "Safe text"),
        ("An open <script> loses nothing behind it", "An open <script> loses nothing behind it"),
        ("<mml:math><mml:mi>x</mml:mi></mml:math> is", "x is"),
    ],
)
def test_tags_go_and_comparisons_stay(written: str, read: str) -> None:
    assert clean(written) == read


def test_without_html_entities_and_tags_are_words() -> None:
    assert clean("the &amp; entity in <b>bold</b>", html=False) == "the &amp; entity in <b>bold</b>"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\x00b\u202eevil\u202c\u2066x\u2069 so\u00adft\ufeff\u200bly\ud800", "abevilx softly"),
        ("e\u0301t\u00e9\u00a0one\u2028two", "été one two"),
        ("𝐁𝐨𝐥𝐝 𝕏", "Bold X"),
        ("می\u200cخواهم 👩\u200d🔬 co\u200dop", "می\u200cخواهم 👩\u200d🔬 coop"),
    ],
)
def test_invisible_and_styled_characters_are_not_shown(written: str, read: str) -> None:
    assert clean(written) == read


@pytest.mark.slow
@pytest.mark.parametrize(
    "mark", [*"{$\\<^`~&_", "{}", r"\tilde", "<b>", "<!--", r"\frac{a}", "$a ", "a_{", "https://a{", "&amp;"]
)
def test_a_megabyte_of_one_mark_is_cut_and_read(mark: str) -> None:
    read = clean(mark * 1_000_000)
    assert len(read) <= MOST
    assert clean(read) == read
    assert len(clean_abstract(mark * 1_000_000)) <= MOST
    assert isinstance(split_authors(mark * 300_000), tuple)


def test_groups_nested_ten_thousand_deep_lose_no_word() -> None:
    assert clean(r"\emph{" * 3000 + "deep" + "}" * 3000) == "deep"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Abstract: We show", "We show"),
        ("ABSTRACT - We show", "We show"),
        ("Abstract\nWe show\n\nmore", "We show more"),
        ("<jats:title>Abstract</jats:title><jats:p>We show <jats:italic>p</jats:italic>&lt;0.05.</jats:p>", "We show p<0.05."),
        ("Abstract interpretation is", "Abstract interpretation is"),
        ("Abstract Syntax Trees are", "Abstract Syntax Trees are"),
    ],
)  # fmt: skip
def test_an_abstract_is_read_without_its_heading(written: str, read: str) -> None:
    assert clean_abstract(written) == read


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (r"Paulo Andr\'e Lima de Castro, {\L}ukasz K, \v{C}ech", ("Paulo André Lima de Castro", "Łukasz K", "Čech")),
        ("Ann Lee (MIT (CSAIL), Cambridge, USA), Bo Chen (1 and 2)", ("Ann Lee", "Bo Chen")),
        ("Smith, J.; Doe, A.", ("J. Smith", "A. Doe")),
        ("Smith, J., Jr.; Doe, A. B.;", ("J. Smith Jr.", "A. B. Doe")),
        ("Ann Lee, Bo Chen and Cy Day", ("Ann Lee", "Bo Chen", "Cy Day")),
        ("Ann Lee, Bo Chen, and Cy Day, Jr., et al.", ("Ann Lee", "Bo Chen", "Cy Day Jr.")),
        ("John Smith, III, Bo Chen", ("John Smith III", "Bo Chen")),
        ("Ann Lee (MIT, Bo Chen, Cy Day", ("Ann Lee", "MIT", "Bo Chen", "Cy Day")),
        ("Ann Lee), Bo Chen (ETH)", ("Ann Lee", "Bo Chen")),
        ("Anderson Sandy, Mandy & Andy Rand", ("Anderson Sandy", "Mandy", "Andy Rand")),
        ("LHCb collaboration: R. Aaij, X. Y", ("LHCb collaboration", "R. Aaij", "X. Y")),
        ("the ATLAS and CMS Collaborations", ("the ATLAS and CMS Collaborations",)),
        (" , ;", ()),
    ],
)
def test_one_string_of_authors_is_taken_apart(written: str, names: tuple[str, ...]) -> None:
    assert split_authors(written) == names


def test_three_thousand_authors_are_all_kept() -> None:
    assert len(split_authors(", ".join([r"Ann M\"uller (MIT, USA)"] * 3000))) == 3000


def test_a_name_is_cleaned_and_folded_for_comparison() -> None:
    assert clean_name(r" Paul Erd\H{o}s, ") == "Paul Erdős"
    assert (
        fold("Łukasz MÜSSIG-Ærø O’Brien İı") == fold("lukasz müßig‐aero o'brien ii") == "lukasz mussig-aero o'brien ii"
    )


def test_sentences_do_not_end_at_abbreviations_initials_and_decimals() -> None:
    first = "We use e.g. BERT, i.e. Devlin et al. 2019, vs. GPT (cf. Fig. 3 and Eq. 4) by J. R. Smith at p = 0.5."
    assert sentences(f'{first} It works! "Really?" 3 of class A. We think so... iPhones too.') == [
        first,
        "It works!",
        '"Really?"',
        "3 of class A.",
        "We think so... iPhones too.",
    ]
    assert sentences("") == []
    assert sentences("我们提出。它很好。") == ["我们提出。", "它很好。"]


def test_sentences_do_not_end_within_brackets_nor_after_the_number_of_an_item() -> None:
    cited = (
        "It was asked by Tai [J. Assoc. Comput. Mach., 26 (1979)] and (see Proc. Natl. Acad. Sci. U.S. and more) us."
    )
    assert sentences(f"{cited} We ask: 1. Is it so? 2. Why? (It is.) Yes.") == [
        cited,
        "We ask: 1. Is it so?",
        "2. Why?",
        "(It is.)",
        "Yes.",
    ]


BACKGROUND = "Deep networks have shown remarkable progress."


@pytest.mark.parametrize(
    ("abstract", "chosen"),
    [
        (f"{BACKGROUND} However, they forget. We propose a memory. It has 3 parts. Code is at https://a.org.", 2),
        (f"{BACKGROUND} This paper introduces a benchmark of forgetting. We also present a tool.", 1),
        (f"{BACKGROUND} Is it so? Our experiments show that larger networks forget 12% less. We hope this helps.", 2),
        (f"{BACKGROUND} A novel way to remember is proposed. Numerical results are given.", 1),
        ("Let G be a graph. It is shown that G is planar, cf. Eq. 3 of Smith et al. 2019.", 1),
        ("One sentence without any of these words", 0),
        ("近年，模型变大。我们提出新方法。", 0),
        ("هذه دراسة. هل تنجح؟ نعم.", 0),
        ("Presentamos un método nuevo. Funciona bien.", 0),
    ],
)
def test_the_sentence_that_says_what_was_done_or_found_is_chosen(abstract: str, chosen: int) -> None:
    assert key_sentence(abstract) == sentences(abstract)[chosen]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("To address this, we propose a memory.", "We propose a memory."),
        ("To bridge these two gaps, we propose a memory.", "We propose a memory."),
        (
            "To address forgetting in robots, we propose a memory.",
            "To address forgetting in robots, we propose a memory.",
        ),
        ("In this technical report, we propose a memory.", "We propose a memory."),
        ("In this paper we propose a memory.", "We propose a memory."),
        ("In this paper, a memory is proposed.", "In this paper, a memory is proposed."),
        ("Results: Here, we present a memory.", "We present a memory."),
        ("RESULTS: the memory is shown to last.", "The memory is shown to last."),
        ("Thus this paper shows a memory.", "This paper shows a memory."),
        ("However, we propose a memory.", "We propose a memory."),
        ("Moreover, to this end, in this paper we first propose a memory.", "We propose a memory."),
        ("In addition we propose a memory.", "We propose a memory."),
        ("In addition to a robot, we propose a memory.", "In addition to a robot, we propose a memory."),
        ("Specifically, for graphs of degree d, we prove it.", "For graphs of degree d, we prove it."),
        ("If, moreover, the graph is planar, we prove that it is.", "If the graph is planar, we prove that it is."),
        ("First, we propose a memory.", "We propose a memory."),
        ("First, we propose a memory, and second, a robot.", "First, we propose a memory, and second, a robot."),
        ("We then show that a memory lasts.", "We show that a memory lasts."),
        ("We first propose a memory and then a robot.", "We first propose a memory and then a robot."),
        ("Motivated by these old findings, we propose a memory.", "We propose a memory."),
        ("Such as it is, we propose a memory.", "Such as it is, we propose a memory."),
        ("To solve this problem, a memory is proposed.", "A memory is proposed."),
        ("To solve this, a lasting one, we propose a memory.", "To solve this, a lasting one, we propose a memory."),
        ("In the first part of this paper, we propose it.", "In the first part of this paper, we propose it."),
        ("Surprisingly, we find that it lasts.", "Surprisingly, we find that it lasts."),
        # what limits a claim stays
        *(
            (sentence, sentence)
            for sentence in (
                "Given this conjecture, we prove that no polynomial algorithm exists for the problem.",
                "Under these conditions, we show that regret is zero for every policy.",
                "For such graphs, we show that four colours suffice.",
                "In this idealised case, we show that ten samples suffice.",
                "In this setting, we show that ten samples suffice.",
                "On this data set, our method outperforms all.",
                "Based on this assumption, we prove that it holds.",
                "We further the state of the art in placement by 12%.",
                "Last, but not least, we introduce a memory.",
                "Thus, and only thus, we show that it holds.",
                "In 2020, however, 30 papers were read.",
            )
        ),
        ("Here, pH is measured by a new probe.", "pH is measured by a new probe."),
        ("Thus, mRNA is read twice.", "mRNA is read twice."),
        ("Moreover, a memory is proposed.", "A memory is proposed."),
    ],
)
def test_what_leads_over_from_the_sentence_before_is_left_out(sentence: str, shown: str) -> None:
    assert key_sentence(f"{BACKGROUND} {sentence}") == shown


def test_an_abstract_without_a_sentence_has_no_key_sentence() -> None:
    assert key_sentence("") == key_sentence(" \n ") == ""


def test_a_snippet_is_whole_sentences_that_fit() -> None:
    assert snippet("One is. Two is. Three is. Four is.", limit=30) == "One is. Two is. Three is."
    assert snippet("One is. Two is much longer.", limit=20) == "One is."
    assert snippet("One sentence that is too long, and more.", limit=32) == "One sentence that is too long…"
    assert snippet("x" * 50, limit=10) == "x" * 9 + "…"
    assert snippet("  ", limit=10) == ""


def _recorded(data: Path) -> Iterator[tuple[str, str]]:
    """Titles and abstracts as their sources wrote them, each with what a reader gets."""
    with gzip.open(data / "arxiv_cs_days" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    with gzip.open(data / "hf_daily" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows += [json.loads(line) for line in list(lines)[::3]]
    rows += [json.loads(line) for line in (data / "seed_papers.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        yield row["title"], clean(row["title"])
        yield row["abstract"], clean_abstract(row["abstract"])


@pytest.mark.slow
def test_recorded_titles_and_abstracts_keep_no_tex_and_lose_no_word(data: Path) -> None:
    pairs = list(_recorded(data))
    raw = [after for _, after in pairs if RESIDUE.search(after)]
    changed = [(before, after) for before, after in pairs if " ".join(before.split()) != after]
    lost = {after: words for before, after in changed if (words := lost_words(before, after))}
    tally = f"{len(pairs)} strings, {len(changed)} changed, {len(raw)} with residue, {len(lost)} that lost a word"
    assert len(changed) > 500, tally
    assert len(raw) <= 0.005 * len(pairs), (tally, raw[:5])
    assert not lost, tally
