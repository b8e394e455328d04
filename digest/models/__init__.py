"""What is sent: papers and where they were seen, editions of a day, deliveries to readers. A module a concern."""

from digest.models.announcements import Announcement
from digest.models.curation import CuratorPick, EditionLetter
from digest.models.day_tally import DayTally
from digest.models.deliveries import Batch, Delivery, DeliveryContent, StatusReason
from digest.models.editions import Edition, EditionPaper, EditionPaperQuerySet, papers_not_shown, read_not_shown
from digest.models.feedback import SavedFeed, SavedPaper, Verdict
from digest.models.leases import Lease
from digest.models.papers import Identifier, Paper, PaperChange, Sighting
from digest.models.providers import DeliveryEvent, Provider
from digest.models.reading_lists import ListEntry, ListSource
from digest.models.search_index import SearchText, SearchWord
from digest.models.sources import Source
from digest.models.summaries import PaperSummary, SummaryDay
from digest.models.vectors import ReaderProfile, StatedVector, TextsVector, TitleVector, VectorModel

__all__ = [
    "Announcement",
    "Batch",
    "CuratorPick",
    "DayTally",
    "Delivery",
    "DeliveryContent",
    "DeliveryEvent",
    "Edition",
    "EditionLetter",
    "EditionPaper",
    "EditionPaperQuerySet",
    "Identifier",
    "Lease",
    "ListEntry",
    "ListSource",
    "Paper",
    "PaperChange",
    "PaperSummary",
    "Provider",
    "ReaderProfile",
    "SavedFeed",
    "SavedPaper",
    "SearchText",
    "SearchWord",
    "Sighting",
    "Source",
    "StatedVector",
    "StatusReason",
    "SummaryDay",
    "TextsVector",
    "TitleVector",
    "VectorModel",
    "Verdict",
    "papers_not_shown",
    "read_not_shown",
]
