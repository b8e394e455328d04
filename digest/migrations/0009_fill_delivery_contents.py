"""Turn the sentences of deliveries into codes, and their reasons into records.

The patterns are those of all sentences that the version before wrote. A sentence of nobody's is kept as the detail of
``other``. Deliveries are taken by their number, some thousands at a time, with a line of progress where there are many.
"""

import re
import sys
from array import array
from base64 import b64encode

from django.db import migrations

SLICE = 5000
MANY = 50_000  # rows from which progress is told
SENTENCES = {
    "You paused your digests.": "paused",
    "Mail to this address is suppressed.": "suppressed",
    "You unsubscribed before it left.": "unsubscribed",
    "No new paper came in.": "no_new_papers",
    "Nothing that came in matched what you asked for.": "nothing_matched",
    "Two digests are never less than 12 hours apart; the papers of this one are in the next.": "too_soon",
    "Your digest could not be made in time; its papers are in the next one.": "too_late",
    "The address was never confirmed.": "not_confirmed",
    "A demonstration reader gets mail in the outbox only.": "demo_reader",
    "It could not leave in time; its papers return to the next digest.": "expired",
    "It could not leave in time; it had no paper for you.": "expired",
    "The worker stopped while this mail was being handed over.": "worker_stopped",
    "This digest stopped every worker that took it.": "poison",
    "This digest could not be composed; the service's log says why.": "compose_error",
    "Tried again by hand.": "retried_by_hand",
    "The database was restored from a backup; this digest may have left before.": "restored",
    "No connection to the mail provider.": "no_connection",
    "The mail provider refused the address.": "no_such_address",
    "The mail provider did not take this message.": "refused_by_provider",
    "The mail provider does not say if it took the mail.": "no_answer",
    "The mail provider could not send it.": "event_failed",
    "The mail provider did not send it.": "event_rejected",
    "Your mail server refused it.": "event_refused",
    "Your mail server could not take it that day.": "event_soft_bounced",
    "Your mail server says that this address does not exist.": "event_bounced",
    "It was reported as spam.": "event_complained",
    "The mail server says that there is no such mailbox.": "event_bounced",
    "The mail server refused the message.": "refused_by_server",
    "The mail server asked for another try.": "deferred",
}
BEGINNINGS = {  # what follows the colon is the detail
    "The mail could not be written": "message_error",
    "No connection to the mail server": "no_connection",
    "The mail provider is not set up": "not_set_up",
    "The mail server does not accept our log-in": "login_refused",
    "The mail server asks for patience": "deferred",
    "It is not known whether the mail left": "no_answer",
    "The mail server refused": "refused_by_server",
    "The mail provider cannot take this message": "message_error",
}
HTTP = re.compile(
    r"The mail provider answered (?P<code>\d+)(?P<unknown>; it is not known whether the mail left)?"
    r"(?:\.|: (?P<words>.*))",
    re.DOTALL,
)
GONE = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


def reason_of(sentence, answer, status):
    """Return the code and the detail for what a row of the version before says."""
    if not sentence or sentence in SENTENCES:
        return SENTENCES.get(sentence, ""), ""
    if status == "accepted" and re.match(r"2\d\d ", sentence):
        return "", sentence
    if found := HTTP.fullmatch(sentence):
        detail = f"answer {found['code']}"
        if found["unknown"]:
            return "provider_error", detail
        if found["words"] is not None:
            return "refused_by_provider", f"{detail}: {found['words']}"[:300]
        return ("too_fast" if found["code"] == "429" else "account_refused"), detail
    beginning, _, words = sentence.partition(": ")
    if words and (code := BEGINNINGS.get(beginning)):
        if code == "refused_by_server" and answer in GONE:
            code = "no_such_address"
        return code, words
    return "other", sentence


def record_of(old):
    """Return the record of version 2 for the dict of the version before; an empty one where nothing was kept."""
    if not isinstance(old, dict) or not old:
        return {}
    papers = old.get("papers") or []
    terms = array("f", [float(term[2]) for why in papers for term in why])
    nothing = old.get("nothing", "")
    new = {
        "arrived": old.get("arrived", 0),
        "matched": old.get("matched", 0),
        "asked_for": old.get("asked_for", []),
        "reasons": [[[kind, label] for kind, label, _ in why] for why in papers],
        "terms": b64encode(terms.tobytes()).decode(),
        "nothing": SENTENCES.get(nothing, nothing),
        "also": old.get("also", []),
        "occasion": old.get("occasion", ""),
        "rhythm": old.get("rhythm", ""),
        "limit": old.get("most", 0),
        "since": old.get("since", ""),
    }
    return {"version": 2, **{name: value for name, value in new.items() if value}}


def convert(apps, schema_editor):
    Delivery, Content = apps.get_model("digest", "Delivery"), apps.get_model("digest", "DeliveryContent")
    cursor = schema_editor.connection.cursor()
    total, last, done = Delivery.objects.count(), 0, 0
    names = ("pk", "outcome", "answer", "status", "paper_ids", "reasons", "subject")
    while rows := list(Delivery.objects.filter(pk__gt=last).order_by("pk").values_list(*names)[:SLICE]):
        changes, contents = [], []
        for pk, sentence, answer, status, paper_ids, reasons, subject in rows:
            code, detail = reason_of(sentence, answer, status)
            if code or detail or paper_ids:
                changes.append((code, detail, len(paper_ids), pk))
            if paper_ids or reasons or subject:
                contents.append(Content(pk=pk, paper_ids=paper_ids, subject=subject, record=record_of(reasons)))
        cursor.executemany(
            "UPDATE digest_delivery SET status_reason = %s, detail = %s, paper_count = %s WHERE id = %s", changes
        )
        Content.objects.bulk_create(contents, batch_size=1000)
        last, done = rows[-1][0], done + len(rows)
        if total >= MANY and done % (20 * SLICE) < SLICE:
            print(f"  deliveries: {done:,} of {total:,} ({done * 100 // total} %)", file=sys.stderr, flush=True)


def convert_counts(apps, schema_editor):
    """Count the skipped by code: two sentences of one code are added up."""
    DayTally = apps.get_model("digest", "DayTally")
    for day in DayTally.objects.iterator():
        skipped = {}
        for sentence, count in day.counts.get("skipped", {}).items():
            code, _ = reason_of(sentence, "", "skipped")
            skipped[code] = skipped.get(code, 0) + count
        if "skipped" in day.counts:
            day.counts["skipped"] = skipped
            day.save(update_fields=["counts"])


class Migration(migrations.Migration):
    dependencies = [("digest", "0008_delivery_contents")]

    operations = [
        migrations.RunPython(convert, migrations.RunPython.noop),
        migrations.RunPython(convert_counts, migrations.RunPython.noop),
    ]
