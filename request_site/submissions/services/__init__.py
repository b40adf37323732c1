from request_site.submissions.services.results import enter_results
from request_site.submissions.services.submitting import Verdict, submit_request, validate_request

__all__ = ["Verdict", "enter_results", "submit_request", "validate_request"]
