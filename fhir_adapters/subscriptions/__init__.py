"""Hearing of changes as they happen: FHIR Subscriptions, classic R4 and the topic-based backport, by rest-hook."""

from fhir_adapters.subscriptions.catch_up import CaughtUp, catch_up
from fhir_adapters.subscriptions.inbox import Expected, Inbox, Pending
from fhir_adapters.subscriptions.notification import NotANotification, Notification, read_notification
from fhir_adapters.subscriptions.request import Wanted, subscribe

__all__ = [
    "CaughtUp",
    "Expected",
    "Inbox",
    "NotANotification",
    "Notification",
    "Pending",
    "Wanted",
    "catch_up",
    "read_notification",
    "subscribe",
]
