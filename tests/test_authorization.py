"""An authorization on file: quiet only where it is surely the plan's last word for product, payer and day."""

import copy
import json

import pytest
from tales import AS_OF, shipped_library, tale

from cdshooks.cli.edits import resources_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

QUIET = "authorization SYN-AUTH-0001 is on file for 2026-12-01"


@pytest.fixture
def summary():
    """The summary of the story's card with another answer of the plan beside the authorization."""

    def told(review=None, request=True, **other):
        body = tale("authorization-on-file")
        (held,) = resources_of(body, "ClaimResponse")
        if review:
            beside = json.loads(json.dumps(held).replace('"A1"', f'"{review}"')) | {"id": "beside"} | other
            beside = {name: value for name, value in beside.items() if value is not None}
            if not request:
                (claim,) = resources_of(body, "Claim")
                beside["item"][0]["productOrService"] = copy.deepcopy(claim["item"][0]["productOrService"])
                del beside["request"]
            body["prefetch"]["claimResponses"]["entry"].append({"resource": beside})
        request_read = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
        (card,) = answer(request_read, shipped_library(), AS_OF).body["cards"]
        return card["summary"]

    return told


def test_an_authorization_for_product_payer_and_day_makes_one_quiet_line(summary):
    assert QUIET in summary()


@pytest.mark.parametrize("review", ["A3", "A2", "A4", "A6", "C"])
@pytest.mark.parametrize(("created", "quiet"), [("2026-11-09", True), ("2026-11-10", False), ("2026-11-11", False)])
def test_another_answer_that_may_be_as_new_ends_the_quiet(summary, review, created, quiet):
    assert (QUIET in summary(review, created=created)) is quiet


@pytest.mark.parametrize("created", [None, "2026-11", "2026"])
def test_a_denial_of_no_sure_day_ends_the_quiet(summary, created):
    assert QUIET not in summary("A3", created=created)


def test_what_another_payer_denied_changes_nothing(summary):
    assert QUIET in summary("A3", request=False, created="2026-11-15", insurer={"display": "Somebody Else"})
