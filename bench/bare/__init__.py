"""The reference for submitting: a bare DRF view with JWT, a serializer and one insert, on the request site's stack."""
