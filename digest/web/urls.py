from django.urls import path, re_path

from digest.delivery.webhooks import receive
from digest.web import paper, preview, public, search_page, site_pages, sitemap, topics
from digest.web.health import health
from digest.web.own import account, feedback, order, page_feedback, reading_list, saved, web_copy

urlpatterns = [
    path("", public.home, name="home"),
    re_path(r"^(?P<name>[0-9]{4}-[0-9]{2}-[0-9]{2})$", public.period, name="day"),
    re_path(r"^(?P<name>[0-9]{4}-(?:W[0-9]{2}|[0-9]{2}))$", public.period, name="week_or_month"),
    re_path(r"^papers/(?P<name>.+)/(?P<format>bibtex|ris|csl)$", paper.export, name="paper_export"),
    re_path(r"^papers/(?P<name>.+)/act$", paper.act, name="paper_act"),
    path("papers/<path:name>", paper.paper_page, name="paper"),
    re_path(
        r"^own/(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<number>[0-9]{1,3})$",
        page_feedback.own_feedback,
        name="own_feedback",
    ),
    path("own/unmute", page_feedback.own_unmute, name="own_unmute"),
    path("topics/", topics.topics, name="topics"),
    path("topics/<str:slug>/", topics.topic_page, name="topic"),
    path("papers/", search_page.search_page, name="search"),
    path("about", site_pages.about, name="about"),
    path("privacy", site_pages.privacy, name="privacy"),
    path("robots.txt", site_pages.robots, name="robots"),
    path("favicon.ico", site_pages.favicon, name="favicon"),
    path("sitemap.xml", sitemap.index, name="sitemap"),
    re_path(r"^sitemap-(?P<section>[a-z]{1,20})-(?P<number>[0-9]{1,6})\.xml$", sitemap.part, name="sitemap_part"),
    re_path(
        r"^f/(?P<token>[^/]+)/(?P<number>[0-9]{1,3})/(?P<wish>more|less|mute)\W*$", feedback.feedback, name="feedback"
    ),
    re_path(r"^f/(?P<token>[^/]+)/(?P<number>[0-9]{1,3})\W*$", feedback.feedback_choices, name="feedback_choices"),
    path("d/<str:token>", web_copy.web_copy, name="web_copy"),
    path("preview", preview.preview, name="preview"),
    path("preferences/receipts", account.receipts, name="receipts"),
    path("preferences/verdicts", account.verdicts, name="verdicts"),
    path("preferences/list", reading_list.own_list, name="own_list"),
    re_path(r"^preferences/list/(?P<number>[0-9]{1,15})$", reading_list.own_list_part, name="own_list_part"),
    path("preferences/order", order.own_order, name="own_order"),
    path("preferences/order/preview", order.own_order_preview, name="own_order_preview"),
    path("saved", saved.saved_page, name="saved"),
    re_path(r"^saved/(?P<format>bibtex|ris|csl)$", saved.export, name="saved_export"),
    path("r/<str:token>", saved.feed, name="saved_feed"),
    path("preferences/export", account.export, name="export"),
    path("preferences/erase", account.erase_page, name="erase"),
    path("health", health, name="health"),
    path("webhooks/<str:provider>", receive, name="webhook"),
]
