"""A request followed on its way, and one given up while the other site has it, between two running sites."""

from devstack.api import call
from devstack.carry import carry, round_trip
from devstack.home import Home
from tests.round_trip.asking import ask
from tests.round_trip.outages import down


def test_request_given_up_on_the_other_site_comes_back_cancelled_and_its_neighbour_answered(
    home: Home, token: str
) -> None:
    kept, given_up = (ask(home.request, token, 7_000_000 + place).body["id"] for place in range(2))
    requests = f"{home.request.address}/api/v1/requests"
    with down(home.response, "worker"):
        carry(home, home.request)
        asked = call("POST", f"{requests}/{given_up}/cancel/", None, token)
        assert (asked.status, asked.body["status"]) == (202, "exported")
        waiting = call("GET", f"{requests}/{given_up}/timeline/", None, token).body
        assert waiting["waits_for"] in ("trip", "answer") and waiting["cancel_asked_at"]
        carry(home, home.request)
        states = home.response.query("SELECT original_request_id::text, status FROM incoming_requests")
        assert dict(states)[given_up] == "cancelled"
    round_trip(home)
    assert call("GET", f"{requests}/{given_up}/", None, token).body["status"] == "cancelled"
    assert call("GET", f"{requests}/{given_up}/result/", None, token).body["code"] == "request_cancelled"
    told = call("GET", f"{requests}/{kept}/timeline/", None, token).body
    assert told["status"] == "completed" and told["waits_for"] is None
    assert [hop["name"] for hop in told["hops"] if hop["at"] is None] == []
    assert len(told["hops"]) == 8
    again = call("POST", f"{requests}/{given_up}/retry/", None, token)
    assert (again.status, again.body["metadata"]) == (201, {"retry_of": given_up})
    round_trip(home)
    assert call("GET", f"{requests}/{again.body['id']}/", None, token).body["status"] == "completed"
