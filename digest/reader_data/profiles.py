"""Make and load readers' profiles: what their verdicts and lists say, in one row a reader.

A row bears a stamp of what it was made of: numbers of verdicts and list entries, and sums of their keys. Whatever
changes them (a verdict taken back, papers joined, an entry gone) changes the stamp, and the next use makes the row
again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from digest.models import ListEntry, ReaderProfile, TextsVector, VectorModel, Verdict
from digest.models.key_lists import among
from digest.ranking.personal import likes_are_off
from digest.ranking.profiles import DISLIKES, VERSION, Floats, Profile, Profiles
from digest.vectors import hash_of, serving, vectors_of
from subscriptions.models import Subscriber

VERDICTS, ENTRIES = 50, 500  # the latest verdicts and the newest list entries of a reader that count
AT_ONCE = 100  # profiles made in one transaction
OF_ENTRIES = " entries "  # in the stamp of a reader who has a list

Text = tuple[int | None, str, str, list[str]]
"""A liked work: its paper's id, title, abstract and categories."""


def load(readers: Sequence[Subscriber]) -> Profiles | None:
    """Return the profiles of these readers, in their order; None if none has liked or disliked anything.

    A reader who turned likes off has an empty one. Three queries; profiles that are missing or out of date are made and
    stored first.
    """
    stamps = _stamps([reader.id for reader in readers if not likes_are_off(reader.turned_down)])
    if not stamps:
        return None
    rows = _rows(stamps)
    if stale := [key for key, stamp in stamps.items() if key not in rows or rows[key].stamp != stamp]:
        make(stale)
        rows = _rows(stamps)
    nothing, model = Profile(), serving()
    return Profiles.of([_profile(rows[reader.id], model) if reader.id in rows else nothing for reader in readers])


def make(readers: Sequence[int]) -> None:
    """Make and store the profiles of these readers, by id; a reader who likes nothing any more loses the row."""
    for start in range(0, len(readers), AT_ONCE):
        some = readers[start : start + AT_ONCE]
        with transaction.atomic():
            # a verdict that is given meanwhile waits
            list(Subscriber.objects.filter(pk__in=some).order_by("pk").select_for_update().values_list("pk"))
            stamps = _stamps(some)
            liked, disliked = _texts(some)
            model = serving()
            papers = {paper for texts in (*liked.values(), *disliked.values()) for paper, *_ in texts if paper}
            vectors = vectors_of(papers, model) if model else {}
            texts = {key: hash_of("\n".join(own)) for key in stamps if (own := own_titles(liked[key]))}
            known = TextsVector.objects.filter(subscriber__in=some, model=model).in_bulk() if model else {}
            of_texts = {key: row for key, row in known.items() if row.titles_hash == texts.get(key)}
            TextsVector.objects.filter(pk__in=known.keys() - of_texts.keys()).delete()
            made = [
                _row(key, stamp, liked[key], disliked[key], model, vectors, of_texts.get(key), texts.get(key, ""))
                for key, stamp in stamps.items()
            ]
            ReaderProfile.objects.filter(subscriber__in=some).delete()
            ReaderProfile.objects.bulk_create(made)


def own_titles(liked: Sequence[Text]) -> list[str]:
    """Return the titles of the liked works that are no stored papers."""
    return [title for paper, title, *_ in liked if paper is None]


def titles_of(readers: Sequence[int]) -> dict[int, list[str]]:
    """Return the own titles of each of these readers that count, as :func:`make` reads them. Two queries."""
    liked, _disliked = _texts(readers)
    return {key: own_titles(liked[key]) for key in readers}


def _rows(readers: Collection[int]) -> dict[int, ReaderProfile]:
    return {row.subscriber_id: row for row in ReaderProfile.objects.filter(subscriber__in=among(readers))}


def _stamps(readers: Sequence[int]) -> dict[int, str]:
    """Return the stamp of each reader who has a verdict or a list entry. Two queries."""
    stamps: dict[int, str] = defaultdict(lambda: f"{VERSION}")
    verdicts = Verdict.objects.filter(subscriber__in=among(readers)).order_by().values_list("subscriber")
    more = Count("pk", filter=Q(value=Verdict.Value.MORE))
    for key, *values in verdicts.annotate(Count("pk"), Sum("pk"), Sum("paper"), Max("given_at"), more=more):
        stamps[key] += f" verdicts {' '.join(map(str, values))}"
    entries = _entries(readers).order_by().values_list("subscriber")
    for key, *values in entries.annotate(Count("pk"), Sum("pk"), Count("paper"), Sum("paper")):
        stamps[key] += f"{OF_ENTRIES}{' '.join(map(str, values))}"
    return dict(stamps)


def _entries(readers: Sequence[int]) -> QuerySet[ListEntry]:
    return ListEntry.objects.filter(subscriber__in=among(readers), taken_back=False)


def _texts(readers: Sequence[int]) -> tuple[dict[int, list[Text]], dict[int, list[Text]]]:
    """Return what each reader likes and dislikes; a work that is liked twice is there once. Two queries."""
    liked: dict[int, list[Text]] = defaultdict(list)
    disliked: dict[int, list[Text]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    latest = Window(RowNumber(), partition_by="subscriber_id", order_by=["-given_at", "-pk"])
    verdicts = Verdict.objects.filter(subscriber__in=readers).annotate(place=latest).filter(place__lte=VERDICTS)
    columns = ("paper__title", "paper__abstract", "paper__categories")
    for key, paper, value, *text in verdicts.values_list("subscriber_id", "paper_id", "value", *columns):
        seen.add((key, paper))
        (liked if value == Verdict.Value.MORE else disliked)[key].append((paper, text[0], text[1], text[2]))
    newest = Window(RowNumber(), partition_by="subscriber_id", order_by=["-added_at", "-pk"])
    entries = _entries(readers).annotate(place=newest).filter(place__lte=ENTRIES)
    for key, paper, own_title, own_abstract, *text in entries.values_list(
        "subscriber_id", "paper_id", "title", "abstract", *columns
    ):
        if paper is None:
            liked[key].append((None, own_title, own_abstract, []))
        elif (key, paper) not in seen:
            liked[key].append((paper, text[0], text[1], text[2]))
    return liked, disliked


def _row(
    reader: int,
    stamp: str,
    liked: Sequence[Text],
    disliked: Sequence[Text],
    model: VectorModel | None,
    vectors: Mapping[int, Floats],
    of_texts: TextsVector | None,
    texts_hash: str,
) -> ReaderProfile:
    profile = Profile.of(*([f"{title}. {abstract}" for _, title, abstract, _ in some] for some in (liked, disliked)))
    categories = Counter(category for *_, its in liked for category in set(its))
    vector, vector_weight = _direction(liked, disliked, vectors, of_texts)
    return ReaderProfile(
        subscriber_id=reader,
        stamp=stamp[:200],
        likes=profile.likes,
        grams=profile.grams.astype("<u4").tobytes(),
        weights=profile.weights.astype("<f2").tobytes(),
        weight=profile.weight,
        vector=vector,
        vector_weight=vector_weight,
        vector_model=model,
        texts_hash=texts_hash,
        categories={category: count / len(liked) for category, count in categories.items()},
    )


def _direction(
    liked: Sequence[Text], disliked: Sequence[Text], vectors: Mapping[int, Floats], of_texts: TextsVector | None
) -> tuple[bytes, float]:
    """Return the mean vector of the liked titles, less a quarter of that of the disliked ones, and its weight."""
    total, weight = None, 0.0
    for some, share in ((liked, 1.0), (disliked, -DISLIKES)):
        known = [vectors[paper] for paper, *_ in some if paper is not None and paper in vectors]
        count = len(known)
        if of_texts and some is liked and of_texts.count:
            known.append(np.frombuffer(of_texts.total, "<f4"))
            count += of_texts.count
        if known:
            mean = np.sum(known, axis=0) * np.float32(share / count)
            total, weight = mean if total is None else total + mean, weight + share
    return (b"" if total is None else total.astype("<f4").tobytes()), weight


def _profile(row: ReaderProfile, model: VectorModel | None) -> Profile:
    # a vector of another model is none until the worker has made it again
    is_known = model is not None and row.vector_model_id == model.pk
    return Profile(
        likes=row.likes,
        grams=np.frombuffer(row.grams, "<u4"),
        weights=np.frombuffer(row.weights, "<f2").astype(np.float32),
        weight=row.weight,
        vector=np.frombuffer(row.vector if is_known else b"", "<f4"),
        vector_weight=row.vector_weight if is_known else 0.0,
        categories=row.categories,
        is_wish=OF_ENTRIES in row.stamp,
    )
