"""Make one paper of two rows, and two of one again; what undoing needs is kept with the merge."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.core import serializers
from django.db import models
from msgspec.structs import replace

from digest.ingest.papers.claims import put_back, snapshot
from digest.models import Delivery, DeliveryContent, Identifier, Paper, PaperChange, Source
from digest.record import DigestRecord

logger = logging.getLogger(__name__)

# what belongs to a paper, and what no two rows of one paper have in common
_BELONGINGS = {
    "sightings": ("source_id", "seen_at"),
    "candidacies": ("edition_id",),
    "curator_picks": ("edition_date",),
    "verdicts": ("subscriber_id",),
    "list_entries": ("pk",),
    "saves": ("subscriber_id",),
    "changes": ("pk",),
    "summaries": ("source",),
}


class CannotUndo(Exception):
    """Raised with a sentence for the curator; nothing was written."""


def merge_rows(paper: Paper, other: Paper, *, names: Sequence[str], source: Source, now: datetime) -> PaperChange:
    """Join ``other`` to ``paper``, delete it, and record why: the ``names`` that one entry of ``source`` bears.

    The paper itself is not saved.
    """
    said = {"other": other.pk, "title": other.title, "identifier": other.identifier, "names": list(names)}
    before = {
        "paper": snapshot(paper) | {"identifier": paper.identifier, "url": paper.url},
        "first_seen_at": paper.first_seen_at.isoformat(),
        "paper_pk": paper.pk,
        "row": serializers.serialize("json", [other]),
        "names": list(other.identifiers.values_list("value", flat=True)),
        **_take_over(paper, other),
    }
    other.identifiers.update(paper=paper)
    if other.version > paper.version:
        for name in ("title", "abstract", "authors", "version", "told_by_id"):
            setattr(paper, name, getattr(other, name) or getattr(paper, name))
    paper.withdrawn_at = paper.withdrawn_at or other.withdrawn_at
    paper.code_url = paper.code_url or other.code_url
    paper.project_url = paper.project_url or other.project_url
    paper.first_seen_at = min(paper.first_seen_at, other.first_seen_at)
    before["contents"], before["doubled"] = _rename_in_digests(paper, other)
    before["version"] = paper.version
    logger.info("Paper %s joins paper %s: both are named by one entry of %s", other.pk, paper.pk, source)
    other.delete()
    return PaperChange.objects.create(
        paper=paper,
        source=source,
        kind=PaperChange.Kind.MERGE,
        state=PaperChange.State.APPLIED,
        at=now,
        said=said,
        before=before,
    )


def _take_over(paper: Paper, other: Paper) -> dict[str, Any]:
    """Move what belongs to ``other``; what the paper has already is deleted with it, and kept here to put back."""
    moved: dict[str, list[int]] = {}
    lost: list[models.Model] = []
    for name, beside in _BELONGINGS.items():
        rows = getattr(other, name).all()
        taken = set(getattr(paper, name).values_list(*beside))
        moved[name] = []
        for row in rows:
            if tuple(getattr(row, column) for column in beside) in taken:
                lost.extend(
                    [] if name in ("verdicts", "saves") else [row]
                )  # no reader's wish is kept beside its own row
            else:
                moved[name].append(row.pk)
        rows.model._default_manager.filter(pk__in=moved[name]).update(paper=paper)
    return {"moved": moved, "lost": serializers.serialize("json", lost)}


def undo_merge(change: PaperChange) -> Paper:
    """Make two papers of one again, in sent digests too; returns the paper that was joined. Raises CannotUndo.

    Call it in a transaction. What was shown since stays with the paper that stood.
    """
    paper, before = change.paper, change.before
    later = paper.changes.filter(kind=PaperChange.Kind.MERGE, state=PaperChange.State.APPLIED, pk__gt=change.pk)
    if later.exists() or paper.pk != before["paper_pk"]:
        raise CannotUndo("Another work was joined since: undo that merge first.")
    fields = before["paper"]
    # a version that came since stays
    put_back(paper, fields if paper.version == before["version"] else {k: fields[k] for k in ("identifier", "url")})
    paper.first_seen_at = datetime.fromisoformat(before["first_seen_at"])
    paper.save()
    (restored,) = serializers.deserialize("json", before["row"])
    other = restored.object
    assert isinstance(other, Paper)  # noqa: S101 (for the type checker)
    if other.told_by_id and not Source.objects.filter(pk=other.told_by_id).exists():
        other.told_by_id = None
    other.save(force_insert=True)
    Identifier.objects.filter(value__in=before["names"]).update(paper=other)
    for name, keys in before["moved"].items():
        getattr(paper, name).filter(pk__in=keys).update(paper=other)
    for lost in serializers.deserialize("json", before["lost"]):
        if _still_belongs(lost.object):
            lost.save()
    for content in DeliveryContent.objects.filter(pk__in=before["contents"]).iterator():
        _rename(content, paper.pk, other.pk)
    for content in DeliveryContent.objects.filter(pk__in=list(before["doubled"])).iterator():
        _write(content, before["doubled"][str(content.pk)], instead={other.pk: paper.pk})
    change.state = PaperChange.State.UNDONE
    change.save(update_fields=["state"])
    return other


def _still_belongs(row: models.Model) -> bool:
    """Return whether what a kept row refers to is still stored: a reader may have been erased since."""
    references = [field for field in row._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    return all(
        getattr(row, field.attname) is None
        or field.related_model._default_manager.filter(pk=getattr(row, field.attname)).exists()
        for field in references
    )


def _rename_in_digests(paper: Paper, other: Paper) -> tuple[list[int], dict[int, list[int]]]:
    """Replace ``other`` by the paper in digests, or the work could be sent again; return which, for undoing.

    Of those that held both the papers are returned, since nothing tells any more where the other one stood.
    """
    renamed: list[int] = []
    doubled: dict[int, list[int]] = {}
    since = (paper.first_seen_at - timedelta(days=2)).date()
    for content in DeliveryContent.objects.filter(delivery__issue_date__gte=since).iterator():
        named = _named_in(content)
        if other.pk not in named:
            continue
        if paper.pk in named:
            doubled[content.pk] = list(content.paper_ids)
        else:
            renamed.append(content.pk)
        _rename(content, other.pk, paper.pk)
    return renamed, doubled


def _named_in(content: DeliveryContent) -> list[int]:
    return [*content.paper_ids, *(content.parsed.also if content.parsed else ())]


def _rename(content: DeliveryContent, old: int, new: int) -> None:
    """Name the paper by its new id in what a digest was made of; once, where it held both."""
    named = (new if paper_id == old else paper_id for paper_id in content.paper_ids)
    _write(content, list(dict.fromkeys(named)), instead={new: old}, also={old: new})


def _write(
    content: DeliveryContent,
    paper_ids: Sequence[int],
    *,
    instead: Mapping[int, int],
    also: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Let a digest hold these papers; one that is new there has the reasons of the one that stood ``instead`` of it."""
    record = content.parsed or DigestRecord()
    place_of: dict[int, int] = {}
    for place, paper_id in enumerate(content.paper_ids):
        place_of.setdefault(paper_id, place)
    content.paper_ids, fields = list(paper_ids), ["paper_ids"]
    if content.parsed:
        # of a paper that was there under both ids, the reasons of the first that was listed
        places = [
            min(place_of[one] for one in (paper_id, instead.get(paper_id)) if one in place_of) for paper_id in paper_ids
        ]
        named = dict.fromkeys(also.get(paper_id, paper_id) for paper_id in record.also)
        also_left = [paper_id for paper_id in named if paper_id not in paper_ids]
        content.record = replace(record.for_papers(places), also=also_left).to_json()
        fields.append("record")
    content.save(update_fields=fields)
    Delivery.objects.filter(pk=content.pk).update(paper_count=len(paper_ids))
