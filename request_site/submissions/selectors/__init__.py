"""Reads requests, their answers, and how far they have come."""

from request_site.submissions.selectors.requests import Answer, get_answer, get_request
from request_site.submissions.selectors.timeline import Hop, Timeline, describe_timeline

__all__ = ["Answer", "Hop", "Timeline", "describe_timeline", "get_answer", "get_request"]
