"""Say as JSON what today's code says of the deliveries of an installation: a program, which writes into the file of its argument.

The clock stands still at the moment of its second argument. The keys are those of ``tests/data/5de826d/said.json``.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import django
import time_machine


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def titles_of(page: str) -> list[str]:
    """Return the titles of the papers of a web copy, in their order."""
    headings = re.findall(r"<h3[^>]*>(.*?)</h3>", page, re.S)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", "", heading)).split()) for heading in headings]


def _words(now: datetime) -> dict[str, Any]:
    from digest.models import Delivery

    rows = Delivery.objects.select_related("subscriber", "edition", "content").order_by("pk")
    return {
        "deliveries": {str(row.pk): _delivery(row) for row in rows},
        "days": _days(now),
        "counted": _counts(now),
        "editions": _editions(),
        "again": _again(now),
        "next": _next(now),
    }


def _delivery(row: Any) -> dict[str, Any]:
    from django.test import Client

    from digest.models import Delivery, Paper
    from digest.reader_data import export
    from digest.stats.delivery_log import log_of
    from digest.stats.explained import explained_papers
    from digest.web.own import account
    from digest.web.own.web_copy import LEFT
    from subscriptions.models import Subscriber
    from subscriptions.tokens import digest_links

    receipt = account._receipt(row)
    exported = export._delivery(row, Paper.objects.in_bulk(row.paper_ids))
    chosen = explained_papers(row)
    names = (
        "status_reason",
        "detail",
        "answer",
        "why_nothing",
        "occasion",
        "new_papers",
        "matching_papers",
        "asked_for",
    )
    words = {
        "reader": row.subscriber.public_id,
        "issue_date": row.issue_date.isoformat(),
        "status": row.status,
        "receipt": {**receipt, "date": receipt["date"].isoformat()},
        "story": [[step.at and step.at.isoformat(), step.what, step.detail] for step in log_of(row)],
        "exported": {name: exported[name] for name in names},
        "also_trending": len(exported["also_trending"]),
        "why": [paper.why for paper in chosen],
        "terms": [[paper.title, paper.terms, paper.score] for paper in chosen],
    }
    if row.status in Delivery.OPEN:
        words["mail"] = _mail(row)
    if row.status in LEFT and row.subscriber.status != Subscriber.Status.ERASED:
        path = digest_links(row.subscriber, row.issue_date).web_copy.removeprefix("https://digest.example")
        answer = Client(SERVER_NAME="digest.example", **{"wsgi.url_scheme": "https"}).get(path)
        words["web_copy"] = {
            "path": path,
            "status": answer.status_code,
            "titles": titles_of(answer.content.decode()),
        }
    return words


def _mail(row: Any) -> dict[str, Any]:
    """As a worker would hand it over now."""
    from digest.compose import emails
    from digest.compose.size_limit import fit

    left = {}
    if not row.empty_reason:
        whole = emails.digest_of(row, emails.frozen_parts(row)[0], emails.reader_of(row))
        lighter, _ = fit(whole)
        pairs = zip(lighter.papers, whole.papers, strict=False)
        left = {
            "left_out": lighter.left_out,
            "snippets_shortened": sum(one.card.sentence != other.card.sentence for one, other in pairs),
            "snippets_left_out": sum(not one.card.sentence for one in lighter.papers),
        }
    mails = emails.Mails()
    mails.read_cards([row])
    email = mails.email_for(row)
    return {
        "subject": email.subject,
        **({"text": email.text} if len(email.text.encode()) <= 20_000 else {}),
        **left,
    }


def _days(now: datetime) -> dict[str, Any]:
    """Each issue date: its summary from the rows, and the dashboard's list by each reason."""
    from digest.dashboard.deliveries import _rows
    from digest.delivery import throttle
    from digest.models import Delivery
    from digest.stats.day_summary import in_words, summaries_of

    return {
        summary.day.isoformat(): {
            "statuses": dict(summary.statuses),
            "skipped_for": dict(summary.skipped_for),
            "skipped_texts": {code: text for code, text, _ in summary.skipped_texts},
            "parts": dict(summary.parts),
            "words": list(in_words(summary, throttle.state(now))),
            "listed": {
                reason: [row.pk for row in _rows(summary.day, ["skipped"], reason=reason, last="", after=0)]
                for reason, _ in summary.skipped_for
                if reason
            },
        }
        for summary in summaries_of(sorted(set(Delivery.objects.values_list("issue_date", flat=True))))
    }


def _counts(now: datetime) -> dict[str, Any]:
    """What is kept of each day, and what is made of the last 30 days."""
    from digest.models import DayTally
    from digest.stats import trends

    month = trends.last_month(now.date())
    return {
        "daybook": {
            row.date.isoformat(): {"counts": row.counts, "reasons_forgotten": row.reasons_forgotten}
            for row in DayTally.objects.order_by("date")
            if any(row.counts.values()) or row.reasons_forgotten
        },
        "month": {
            "days": [day.isoformat() for day in month.days],
            "sent": trends.sent_by_day(month),
            "troubles": trends.problems_by_day(month),
            "growth": trends.growth_by_day(month),
            "skipped": {reason: month.series("skipped", reason) for reason in month.total("skipped")},
            "skipped_by_name": trends.skipped_by_day(month),
            "verdicts_by_topic": trends.verdicts_by_topic(month),
            "verdicts_by_source": trends.verdicts_by_source(month),
        },
    }


def _editions() -> dict[str, Any]:
    from digest.models import Edition

    return {row.date.isoformat(): row.tally for row in Edition.objects.order_by("date")}


def _again(now: datetime) -> dict[str, Any]:
    from digest.delivery import retry

    numbers = retry._safe(now).values_list("pk", flat=True)
    return {"words": retry.may_be_tried(now).in_words, "numbers": sorted(numbers)}


def _next(now: datetime) -> dict[str, Any]:
    """For each reader on the list: the row that they would get next, whatever their hour; None for who waits."""
    from digest.delivery.plan import draft
    from digest.editions.candidate_pool import CandidatePool
    from digest.models import Delivery
    from digest.preview.staff import for_reader
    from digest.record import DigestRecord
    from subscriptions.models import Subscriber

    def in_short(row: Delivery) -> list[Any]:
        record = row.record or DigestRecord()
        frozen = [record.occasion, record.since, record.nothing]
        return [
            row.issue_date.isoformat(),
            row.status,
            row.status_reason,
            row.subject,
            row.paper_count,
            *(frozen if row.record else [""] * 3),
        ]

    pool, found = CandidatePool.load(now), {}
    for reader in Subscriber.objects.on_the_list().order_by("pk"):
        row = draft(reader, pool, now=now)
        preview = for_reader(Subscriber.objects.get(pk=reader.pk), now=now)
        found[reader.public_id] = {"row": row and in_short(row), "draft": preview.why_nothing}
    return found


def main(path: str, moment: str) -> None:
    now = datetime.fromisoformat(moment)
    with time_machine.travel(now, tick=False):
        django.setup()
        from django.conf import settings
        from django.test import override_settings

        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
            Path(path).write_text(json.dumps(_words(now)))


if __name__ == "__main__":
    main(*sys.argv[1:])
