"""A refusal by its status and words: no reader is suppressed for what is about us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.mail.refusals import ADDRESS_IS_GONE, Refusal, Stage, classify_refusal


@pytest.mark.parametrize(
    ("expected", "code", "status", "text"),
    [
        *((Refusal.DEAD_ADDRESS, 550, status, "gone") for status in ADDRESS_IS_GONE),
        (Refusal.DEAD_ADDRESS, 550, "5.1.1", "<a@b.example>: Recipient address rejected: User unknown in local table"),
        (Refusal.DEAD_ADDRESS, 550, "5.1.1", "User unknown, see our policy"),
        (Refusal.DEAD_ADDRESS, 550, "", "No such user here"),
        (Refusal.DEAD_ADDRESS, 550, "5.7.1", "The mailbox does not exist"),
        (Refusal.DEAD_ADDRESS, 0, "5.1.1", "smtp; 550 5.1.1 user unknown"),
        (
            Refusal.DEAD_ADDRESS,
            550,
            "5.1.1",
            "<spam@relay.example>: no such user; see https://blocklist.example/policy",
        ),
        (Refusal.REFUSED, 550, "5.1.1", "rejected: your host is on a block list"),
        (Refusal.REFUSED, 550, "5.1.1", "unknown users were written to by this spam source"),
        (Refusal.REFUSED, 550, "5.1.1", "denied by policy"),
        (Refusal.REFUSED, 554, "5.0.0", "smtp; 554 Message refused: your IP 192.0.2.9 is listed at bl.example"),
        (Refusal.REFUSED, 554, "5.7.1", "Service unavailable; Client host [192.0.2.9] blocked using bl.example"),
        (Refusal.REFUSED, 554, "5.4.14", "Hop count exceeded - possible mail loop"),
        (Refusal.REFUSED, 550, "5.7.26", "unauthenticated mail is not accepted due to the domain's DMARC policy"),
        (Refusal.REFUSED, 550, "", "Requested action not taken: mailbox unavailable"),
        (Refusal.REFUSED, 550, "", "user unknown, or blocked by policy"),
        (Refusal.REFUSED, 552, "5.3.4", "Message size exceeds fixed limit"),
        (Refusal.REFUSED, 550, "", "who?"),
        (Refusal.SETUP, 530, "5.7.0", "Must issue a STARTTLS command first"),
        (Refusal.SETUP, 504, "5.5.2", "<box>: Helo command rejected: need fully-qualified hostname"),
        (Refusal.SETUP, 554, "5.7.1", "<a@b.example>: Relay access denied"),
        (Refusal.SETUP, 454, "4.7.1", "<a@b.example>: Relay access denied"),
        (Refusal.SETUP, 554, "5.7.1", "<unknown[192.0.2.9]>: Client host rejected: Access denied"),
        (Refusal.SETUP, 550, "5.1.0", "<digest@x.example>: Sender address rejected: User unknown in local table"),
        (Refusal.SETUP, 553, "5.7.1", "Sender address rejected: not owned by user"),
        (Refusal.SETUP, 550, "5.1.1", "undeliverable: 550 Relaying denied"),
        (Refusal.SETUP, 535, "", "no"),
        (Refusal.DEAD_ADDRESS, 550, "5.1.1", "recipient address rejected: user unknown"),
        (Refusal.REFUSED, 550, "", "Too many invalid recipients"),
        (Refusal.SETUP, 450, "4.7.1", "Client host rejected: cannot find your reverse hostname"),
        (Refusal.MAILBOX_FULL, 552, "5.2.2", "sorry"),
        (Refusal.MAILBOX_FULL, 452, "4.2.2", "The account is over quota"),
        (Refusal.MAILBOX_FULL, 550, "", "mailbox is full"),
        (Refusal.TOO_FAST, 450, "4.7.1", "Error: too much mail from 127.0.0.1"),
        (Refusal.TOO_FAST, 450, "4.2.1", "The user is receiving mail at a rate that prevents more"),
        (Refusal.TOO_FAST, 454, "", "not now"),
        (Refusal.DEFERRED, 450, "4.2.0", "Greylisted"),
        (Refusal.DEFERRED, 450, "4.1.1", "unverified address: user unknown"),
        (Refusal.DEFERRED, 451, "", "try again"),
        (Refusal.DEFERRED, 0, "4.4.1", ""),
    ],
)
def test_status_and_words_are_read_together(expected: Refusal, code: int, status: str, text: str) -> None:
    assert classify_refusal(code, status, text) == expected


@given(code=st.integers(-1, 999), status=st.sampled_from(["", "5.1.1", "4.2.2", "5.7.1", "2.0.0"]), text=st.text())
def test_any_answer_is_judged_and_one_for_now_is_never_the_end_of_an_address(code: int, status: str, text: str) -> None:
    found = classify_refusal(code, status, text)
    assert isinstance(found, Refusal)
    assert code // 100 != 4 or found not in (Refusal.DEAD_ADDRESS, Refusal.REFUSED)


def test_an_endless_answer_is_read_in_part() -> None:
    assert classify_refusal(550, "", "user " * 1_000_000) == Refusal.REFUSED


@pytest.mark.parametrize("stage", [Stage.HELLO, Stage.SENDER])
@pytest.mark.parametrize("text", ["5.7.1 blocked using bl.example", "5.1.1 unknown user", "no", "5.7.0 log in first"])
def test_before_the_recipient_a_refusal_says_the_same_of_every_mail(stage: Stage, text: str) -> None:
    assert classify_refusal(550, text[:5] if text[0] == "5" else "", text, stage=stage) == Refusal.SETUP


@pytest.mark.parametrize("stage", [Stage.DATA, Stage.END])
def test_after_the_recipient_was_accepted_no_address_is_dead(stage: Stage) -> None:
    assert classify_refusal(550, "5.1.1", "unknown user", stage=stage) == Refusal.REFUSED


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("", "Invalid recipient: <a@b.example>"),  # OpenSMTPD, of an unknown user or a domain it does not relay to
        ("5.7.1", "5.7.1 <a@b.example>: Recipient address rejected: Access denied"),
        ("5.7.1", "5.7.1 Client does not have permissions to submit mail to this server"),
    ],
)
def test_our_own_server_may_mean_that_it_does_not_relay_for_us(status: str, text: str) -> None:
    assert classify_refusal(550, status, text, stage=Stage.RECIPIENT) == Refusal.SETUP
    assert classify_refusal(550, status, text, stage=Stage.EVENT) != Refusal.SETUP
