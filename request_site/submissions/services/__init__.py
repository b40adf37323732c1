from request_site.submissions.services.cancelling import cancel_request, retry_request
from request_site.submissions.services.results import enter_results
from request_site.submissions.services.submitting import (
    MAX_KEY_LENGTH,
    Verdict,
    check_key,
    submit_request,
    validate_request,
)

__all__ = [
    "MAX_KEY_LENGTH",
    "Verdict",
    "cancel_request",
    "check_key",
    "enter_results",
    "retry_request",
    "submit_request",
    "validate_request",
]
