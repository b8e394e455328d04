"""What went wrong with a source, and what a curator can do about it, in a sentence."""

from __future__ import annotations

import re

ADVICE = tuple(  # what is said of a failure -> what to do; the first that fits counts
    (re.compile(pattern, re.I), advice)
    for pattern, advice in (
        (r"asked for a pause|turn did not come", "Nothing to do: it is asked again at the next check."),
        (
            r"answered (404|410)",
            "Nothing lies there any more. Look on its site for the new address, add that, and switch this one off.",
        ),
        (
            r"answered (401|403|451)",
            "The site refuses us. Open the address in a browser, and ask the people who run it for a feed we may read.",
        ),
        (r"answered 5\d\d", "The trouble is at their end. It is tried again; look here once more if it lasts a day."),
        (r"answered \d+", "Open the address in a browser and see what it says."),
        (r"private network", "A source must lie in the open internet: use its public address."),
        (r"no address is known", "Check how the host is spelled; if it is right, their site is away for now."),
        (
            r"took no connection|sent nothing|not done within|could not be reached|broke off|is not HTTP",
            "Their site is slow or away. It is tried again; look here once more if it lasts a day.",
        ),
        (
            r"larger than|more than [\d,]+ entries",
            "No feed of a day is that large: ask its site for one that is smaller.",
        ),
        (r"redirects", "Open the address in a browser, and use the one that it ends at."),
        (r"could not be stored", "This is a fault of ours: show the service’s log to whoever runs it."),
        (r"web page|html", "It is a page for people. Look on it for a link called RSS or Atom, and use that."),
        (r"user name|web address|begin with http|impossible port|too long", "Check the address, and paste it again."),
    )
)
UNREADABLE = "What came cannot be read. Open the address in a browser and see what lies there."


def advice_for(trouble: str) -> str:
    """What to do about a failure that is told in these words; empty for none."""
    if not trouble:
        return ""
    return next((advice for pattern, advice in ADVICE if pattern.search(trouble)), UNREADABLE)
