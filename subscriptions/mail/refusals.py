"""Judge a refusal by stage, status and words together: of the address, of the mail, of our set-up or of our pace.

Servers give one code for many reasons: 550 5.7.1 is a block list, a relay that does not know us, or a missing log-in.
Where words and status disagree, the judgement is the one that suppresses nobody. docs/sending.md has the table.
"""

from __future__ import annotations

import re
from enum import StrEnum

ADDRESS_IS_GONE = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
LONGEST_TEXT = 2000  # characters that are read of an answer


class Stage(StrEnum):
    """The command of an SMTP session that was answered (RFC 5321 section 4.3.2)."""

    HELLO = "EHLO"  # also STARTTLS and AUTH: nothing was said of a mail yet
    SENDER = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    DATA = "DATA"
    END = "end of data"
    EVENT = "event"  # no stage is known: a provider told of the answer later


class Refusal(StrEnum):
    DEAD_ADDRESS = "dead address"
    REFUSED = "refused"  # this mail, or our reputation: says nothing of the address
    SETUP = "set-up"  # our log-in, encryption, host name, sender or relay: every other mail would be refused too
    TOO_FAST = "too fast"
    MAILBOX_FULL = "mailbox full"
    DEFERRED = "deferred"  # for now, without a reason that is known


# Addresses, names in angle brackets, URLs and host names: their words are nobody's reason.
_NAMES = re.compile(r"<[^<>]*>|\S*@\S*|\S*://\S*|\S*\w\.\w\S*")
_FULL = re.compile(r"(?:mailbox|inbox|folder) (?:is )?full|over ?quota|quota (?:is )?exceeded|exceed\w* .{0,40}quota")
_OF_REPUTATION = re.compile(
    r"\b(?:block|black|deny|drop) ?-?list|\b(?:dns[bw]l|rbl|spf|dkim|dmarc)\b|blocked using|\blisted\b|reputation"
    r"|spam|unsolicited|junk|phish|virus|malware|\bloop|\bhops?\b|hop count|complain"
    r"|too many (?:invalid|unknown|bad|wrong)"
)
_OF_POLICY = re.compile(r"polic(?:y|ies)|\bblock|content|banned|prohibit|restrict|suspicious")
_SENDER_STATUS = ("1.7", "1.8")
_OF_SENDER = re.compile(r"\bsender\b(?! host)|\bsend as\b|mail from command")
_OF_SETUP = re.compile(
    r"\b[eh][eh]lo\b|hostname|\bhost name|\breverse dns|\bptr\b|\brelay|authenti|\bauth\b|log[- ]?in\b|starttls"
    r"|\b(?:tls|ssl)\b|encrypt|client host|sender host"
)
# Of the server that we hand mails to, not of a reader's. OpenSMTPD says "550 Invalid recipient" of an unknown user and
# of a domain that it does not relay to for us; Postfix says "Access denied" where a log-in is missing.
_OF_RELAYING = re.compile(r"access denied|permissions? to (?:submit|send|relay)|^[\d. ]*invalid recipient")
_SETUP_CODES = (530, 534, 535, 538)
_SETUP_STATUS = ("7.8", "7.9", "7.10", "7.11")
_OF_PACE = re.compile(
    r"\btoo (?:many|much|fast|quick|often)|\brate\b|rate[- ]?limit|throttl|slow\w* down|\blimit|volume|exceed"
)
_UNKNOWN_USER = re.compile(
    r"no such (?:user|mailbox|recipient|person|address|account|local)|no mailbox\b"
    r"|(?:unknown|invalid|nonexistent|non-existent) (?:or \w+ )?(?:user|recipient|mailbox|account|address|local)"
    r"|(?:user|mailbox|recipient|account|address)\b.{0,60}?\b"
    r"(?:unknown|not (?:exist|found|known)|n[o’']t exist|no longer|disabled|inactive|deleted|closed|invalid)"
    r"|not (?:a )?(?:valid|known) (?:user|mailbox|recipient|address)"
)


def classify_refusal(code: int, enhanced_status: str, text: str, *, stage: Stage = Stage.EVENT) -> Refusal:
    """Return what an answer says that did not take the mail.

    ``code`` is the reply code (0 where only the enhanced status is known), ``enhanced_status`` is ``5.7.1`` or empty.
    """
    words = " ".join(_NAMES.sub(" ", text[:LONGEST_TEXT]).lower().split())
    is_final = (str(code) if code // 100 in (4, 5) else enhanced_status)[:1] != "4"
    subject = enhanced_status[2:]
    is_of_mailbox = subject == "2.2" or bool(_FULL.search(words))
    if stage == Stage.HELLO or (stage == Stage.SENDER and is_final and not is_of_mailbox):
        return Refusal.SETUP  # whatever it says: it says the same of every other mail
    if is_of_mailbox:
        return Refusal.MAILBOX_FULL
    if not is_final and ((code == 454 and not _OF_SETUP.search(words)) or _OF_PACE.search(words)):
        return Refusal.TOO_FAST
    if _OF_REPUTATION.search(words):
        return Refusal.REFUSED if is_final else Refusal.DEFERRED
    is_of_sender = subject in _SENDER_STATUS or bool(_OF_SENDER.search(words))
    is_of_setup = code in _SETUP_CODES or subject in _SETUP_STATUS or is_of_sender or bool(_OF_SETUP.search(words))
    is_of_setup |= stage != Stage.EVENT and bool(_OF_RELAYING.search(words))
    may_be_dead = is_final and not is_of_sender and stage in (Stage.RECIPIENT, Stage.EVENT)
    if may_be_dead and _is_dead(enhanced_status, words, is_of_setup=is_of_setup):
        return Refusal.DEAD_ADDRESS
    if is_of_setup:
        return Refusal.SETUP
    return Refusal.REFUSED if is_final else Refusal.DEFERRED


def speaks_of_policy(text: str) -> bool:
    """Return whether an answer names a block list, a policy, spam, a loop or our set-up."""
    words = _NAMES.sub(" ", text[:LONGEST_TEXT]).lower()
    return any(pattern.search(words) for pattern in (_OF_REPUTATION, _OF_POLICY, _OF_SETUP))


def _is_dead(status: str, words: str, *, is_of_setup: bool) -> bool:
    speaks_of_user = bool(_UNKNOWN_USER.search(words))
    speaks_of_more = is_of_setup or bool(_OF_POLICY.search(words))
    if status in ADDRESS_IS_GONE:
        return speaks_of_user or not speaks_of_more
    return speaks_of_user and not speaks_of_more
