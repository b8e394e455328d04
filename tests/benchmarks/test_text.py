"""``./run bench text``: what counts as raw TeX and as a lost word, and its figures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.residue import RESIDUE, lost_words
from tests.benchmarks.text import FILES


@pytest.mark.parametrize(
    "raw",
    [
        *(
            r"\alpha",
            r"85\%",
            r"na\"ive",
            "x^{2}",
            "a_{i}",
            "$n$-gram",
            "$17$",
            "the {GAN} here",
            "``quoted",
            "see~Smith",
        ),
        *("open {brace", "mathcal O", "nLvarepsilon", "scriptsizeFLaws", "N^alpha", "rho^2", "leq 5", "textbf"),
    ],
)
def test_raw_tex_is_recognised(raw: str) -> None:
    assert RESIDUE.search(f"Some {raw} text")


@pytest.mark.parametrize(
    "text", ["{0,1}ⁿ costs $5 or $6", "about ~60%, ~/bin", "inequality, anecdotes", "p_comp, N^(α/2), a_b", "5$ a day"]
)
def test_what_reads_well_is_no_residue(text: str) -> None:
    assert not RESIDUE.search(text)


def test_a_lost_word_is_found() -> None:
    assert lost_words(r"Costs 5% of the \mbox{bull} market", "Costs 5") == ["the", "bull", "market"]
    assert lost_words("<p>A <b>bold</b> alpha &amp; omega</p>", "A bold alpha & Ω") == []
    assert lost_words(r"Schr\"odinger, {\L}ukasz, $\alpha$ N^{-alpha}", "Schrödinger, Łukasz, α N⁻ᵅ") == []
    assert lost_words("N^{-alpha} decay", "N decay") == ["alpha"]


def write(data: Path, abstract: str) -> None:
    """Write one paper into each file that is read."""
    for name, _ in FILES:
        (data / name).parent.mkdir(exist_ok=True)
        row = json.dumps({"title": "Bees", "abstract": abstract}) + "\n"
        (data / name).write_bytes(gzip.compress(row.encode()) if name.endswith(".gz") else row.encode())


def test_clean_texts_are_accepted_and_their_figures_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, r"Of $\alpha$ bees.")
    file = tmp_path / "figures.json"
    assert main(["text", "--data", str(tmp_path), "--json", str(file)]) == 0
    assert "All: 0 of 6 (0.00%) with residue, 0 that lost a word\n" in capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert [one["name"] for one in figures["files"]] == [name for name, _ in FILES]
    assert (figures["part"], figures["texts"], figures["residue"], figures["lost_words"]) == ("text", 6, 0, 0)


def test_residue_is_shown_and_not_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "An abstract.")
    monkeypatch.setattr("tests.benchmarks.text.clean_abstract", lambda text: r"\left over")
    assert main(["text", "--data", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "\n    \\left over\n    abstract\n" in printed.out
    assert printed.err == "./run bench: more residue, lost words or wrong formulas than is allowed.\n"


def test_a_missing_file_is_told_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"./run bench: there is no {FILES[0][0]} in {tmp_path}.\n"
