"""Apply, dismiss or undo what sources said of papers: what curators decide on the dashboard."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from digest.identifiers.canonical import canonical_identifier
from digest.ingest.papers import claims
from digest.ingest.papers.claims import Kind, State
from digest.ingest.papers.identity import are_two_works
from digest.ingest.papers.merge import CannotUndo, merge_rows, undo_merge
from digest.ingest.papers.tag import tag
from digest.models import Paper, PaperChange, Source
from digest.search import index

__all__ = ["ACTS", "CannotUndo", "read_anew", "settle"]

ACTS = {"apply": State.CLAIMED, "dismiss": State.CLAIMED, "undo": State.APPLIED}  # and the state each is for


def settle(pk: int, act: str, *, now: datetime) -> PaperChange:
    """Apply or dismiss a claim, or undo what was applied; returns the change as it was kept.

    Raises CannotUndo with a sentence where it is settled already, or where later changes stand on it.
    """
    with transaction.atomic():
        Source.objects.order_by("pk").select_for_update().first()  # no reading is stored meanwhile
        change = PaperChange.objects.select_for_update().filter(pk=pk).first()
        if change is None or change.state != ACTS.get(act):
            raise CannotUndo(_("Somebody has settled this already."))
        if act == "dismiss":
            change.state = State.DISMISSED
        elif change.kind == Kind.MERGE:
            return _merged(change, now=now) if act == "apply" else _parted(change)
        elif act == "apply":
            change.before = claims.snapshot(change.paper)
            change.state = State.APPLIED
            claims.apply(change, change.paper, now=now)
        else:
            _put_right(change)
            change.state = State.UNDONE
        change.paper.save()
        tag([change.paper])
        index([change.paper])
        change.save()
    return change


def read_anew(typed: str) -> Paper | None:
    """Let the next reading of the source that speaks for a paper replace its text; None where no paper has this name.

    A withdrawal is taken back too, until that source tells it.
    """
    paper = Paper.objects.filter(identifiers__value=canonical_identifier(typed)).first()
    if paper:
        # any version is newer than none
        Paper.objects.filter(pk=paper.pk).update(version=0, withdrawn_at=None)
    return paper


def _merged(claim: PaperChange, *, now: datetime) -> PaperChange:
    other = Paper.objects.filter(pk=claim.said["other"]).first()
    if other is None:
        raise CannotUndo(_("The other paper is no longer stored."))
    paper, other = sorted((claim.paper, other), key=lambda row: row.pk)
    names = [row.identifiers.values_list("value", flat=True) for row in (paper, other)]
    if are_two_works([paper.identifier, *names[0]], [other.identifier, *names[1]]) or claim.source is None:
        raise CannotUndo(_("They have different identifiers now: they are two works."))
    claim.delete()
    merge = merge_rows(paper, other, names=claim.said["names"], source=claim.source, now=now)
    paper.save()
    tag([paper])
    index([paper])
    return merge


def _parted(merge: PaperChange) -> PaperChange:
    other = undo_merge(merge)
    tag([merge.paper, other])
    index([merge.paper, other])
    return merge


def _put_right(change: PaperChange) -> None:
    """Give the paper what it was before the change; not saved yet."""
    paper, before = change.paper, change.before
    if paper.version in (change.said["version"], before["version"]):
        claims.put_back(paper, before)
    elif change.kind == Kind.WITHDRAWAL:
        claims.put_back(paper, {"withdrawn_at": before["withdrawn_at"]})
    else:
        raise CannotUndo(_("A newer version has come since, and its text stands."))
