"""A catalogue and people, as the first carry brings them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

CONTRACTS = {
    "contract_number": "keyword",
    "title": "text",
    "contractor": "keyword",
    "contractor.text": "text",
    "amount": "double",
    "award_date": "date",
}


@pytest.fixture
def catalogue(db: None) -> None:
    """``contracts`` for every profile, ``secrets`` for enterprise alone."""
    from common_apps.queries.services import publish_index

    publish_index(name="contracts", title="Contracts", fields=CONTRACTS, profile_types=None)
    publish_index(name="secrets", title="Secrets", fields={"title": "text"}, profile_types=["enterprise"])


@pytest.fixture
def user(catalogue: None) -> Any:
    """Ada, of the profile basic."""
    from tests.factories import make_user

    return make_user("ada")


@pytest.fixture
def client_of() -> Callable[[Any], APIClient]:
    """Makes a client that carries a user's access token."""
    from common_apps.accounts.services.tokens import issue_tokens

    def make(user: Any) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
        return client

    return make


@pytest.fixture
def client(user: Any, client_of: Callable[[Any], APIClient]) -> APIClient:
    """Ada's client."""
    return client_of(user)


@pytest.fixture
def body() -> dict[str, Any]:
    """A sound submission."""
    return {
        "query_type": "match",
        "query_params": {"index": "contracts", "query": {"match": {"title": "flood control"}}, "size": 5},
        "metadata": {"note": "first"},
    }
