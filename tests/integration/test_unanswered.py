"""A call that DynamoDB never answers is told as such: try again soon, never an unhandled fault."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from portal import aws
from tests.integration.conftest import Browser, log_in_as
from tests.integration.test_rent_and_pay import KEY, add_account


@pytest.mark.parametrize("fault", [ReadTimeoutError, ConnectTimeoutError])
@pytest.mark.parametrize("operation", ["BatchGetItem", "Query", "TransactWriteItems", "UpdateItem"])
def test_what_is_never_answered_is_503_with_a_time_to_try_again(
    operation: str,
    fault: Callable[..., Exception],
    browser: Browser,
    own_tenancy: Any,
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account_id = add_account(own_tenancy.tenancy_id, "RA10001")
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    dynamodb = aws.client("dynamodb")
    answering = dynamodb._make_api_call

    def unanswered(name: str, parameters: dict[str, Any]) -> Any:
        if name == operation:
            raise fault(endpoint_url="https://dynamodb.example")
        return answering(name, parameters)

    monkeypatch.setattr(dynamodb, "_make_api_call", unanswered)
    body = {"rent_account_id": account_id, "amount_pence": 5_00}
    reply = {
        "BatchGetItem": lambda: browser.call("balance", "GET", "/api/balance"),
        "Query": lambda: browser.call("balance", "GET", "/api/balance"),
        "TransactWriteItems": lambda: browser.call("pay", "POST", "/api/pay", body, headers=KEY),
        "UpdateItem": lambda: browser.call(
            "login", "POST", "/api/login", {"email": "amara@example.com", "password": "copper lantern meadow"}
        ),
    }[operation]()
    assert (reply.status, reply.json["type"]) == (503, "/problems/try-again-soon")
    assert int(reply.headers["retry-after"]) > 0
