"""api: the request that goes out, and what is taken out of the reply."""

import json

import pytest

from ringback.testing.flows import FlowCall

VARIABLES = {
    "balance": {"type": "number"},
    "name": {"type": "text"},
    "pin": {"type": "text", "secret": True},
    "tags": {"type": "list"},
    "all": {"type": "record"},
}


def ask(**settings):
    api = {
        "type": "api",
        "url": "https://crm.example/customers",
        **settings,
        "exits": {"success": "ok", "failure": "bad"},
    }
    nodes = {
        "crm": api,
        "ok": {"type": "log", "message": "fine"},
        "bad": {"type": "log", "message": "{{ nodes.crm.error }}"},
    }
    return {"name": "x", "start": "crm", "variables": VARIABLES, "nodes": nodes}


def test_the_request_is_filled_in():
    call = FlowCall(
        ask(
            method="POST",
            url="https://crm.example/c?n={{ caller.number|urlencode }}",
            headers={"X-Call": "{{ call.id }}"},
            json={"number": "{{ caller.number }}", "list": [1, None, "{{ call.kind }}"], "quote": '{{ "\\"" }}'},
            timeout_s=2.5,
            retries=2,
        ),
        caller="+49151999",
    )

    (request,) = call.requests

    assert (request.method, request.url) == ("POST", "https://crm.example/c?n=%2B49151999")
    assert request.headers == (("X-Call", "call_TEST"), ("Content-Type", "application/json"))
    assert json.loads(request.body) == {"number": "+49151999", "list": [1, None, "incoming"], "quote": '"'}
    assert (request.timeout_ms, request.retries) == (2500, 2)


def test_a_text_body_goes_out_as_it_is():
    call = FlowCall(ask(method="PUT", body="n={{ caller.number }}", headers={"content-type": "text/plain"}))

    assert call.requests[0].body == "n=+4915112345678"
    assert call.requests[0].headers == (("content-type", "text/plain"),)


def test_the_reply_is_taken_into_variables():
    save = {
        "balance": "body.account.balance",
        "name": 'body.people[0]["full name"]',
        "tags": "body.tags",
        "all": "body.account",
    }
    body = {"account": {"balance": "12.50"}, "people": [{"full name": "Ada"}], "tags": ["a", 2]}

    call = FlowCall(ask(save=save)).api_replies(200, body)

    assert call.trail == ["crm:success", "ok:next"]
    assert call.variables == {
        "balance": 12.5,
        "name": "Ada",
        "pin": None,
        "tags": ["a", "2"],
        "all": {"balance": "12.50"},
    }


@pytest.mark.parametrize("status_code", [200, 201, 204, 299])
def test_every_2xx_is_a_success(status_code):
    assert FlowCall(ask()).api_replies(status_code).trail[0] == "crm:success"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"status_code": 404}, "the server answered 404"),
        ({"status_code": 302}, "the server answered 302"),
        ({"status_code": 500, "body": {"x": 1}}, "the server answered 500"),
        ({"status_code": None, "error": "timed out"}, "timed out"),
        ({"status_code": None}, "there was no reply"),
        ({"status_code": 200, "error": "the body is too large"}, "the body is too large"),
        ({"status_code": 200, "body": {}}, "the reply has no `body.balance`"),
        ({"status_code": 200, "body": "text"}, "the reply has no `body.balance`"),
        ({"status_code": 200, "body": {"balance": "much"}}, "`body.balance` does not fit `balance`"),
        ({"status_code": 200, "body": {"balance": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}}, "nested deeper"),
        ({"status_code": 200, "body": ["x"] * 5000}, "items"),
    ],
)
def test_everything_else_is_a_failure_that_says_why(reply, why):
    call = FlowCall(ask(save={"balance": "body.balance"}), apis={"crm": reply})

    assert call.trail == ["crm:failure", "bad:next"]
    assert why in call.notes[0]
    assert why in call.notes[1]
    assert call.variables["balance"] is None


def test_nothing_is_saved_when_part_of_the_reply_is_missing():
    call = FlowCall(ask(save={"name": "body.name", "balance": "body.balance"})).api_replies(200, {"name": "Ada"})

    assert call.variables["name"] is None


def test_an_optional_path_may_be_missing():
    save = {"name": "body.name?", "balance": "body.balance"}

    call = FlowCall(ask(save=save), variables={"name": "before"}).api_replies(200, {"balance": 1})

    assert call.trail[0] == "crm:success"
    assert (call.variables["name"], call.variables["balance"]) == ("before", 1)


def test_the_status_code_can_be_saved():
    assert FlowCall(ask(save={"balance": "status_code"})).api_replies(207).variables["balance"] == 207


@pytest.mark.parametrize("url", ["{{ caller.name }}", "ftp://{{ caller.number }}", "https://{{ caller.number }} x"])
def test_an_address_that_is_none_once_filled_in_fails_the_flow(url):
    call = FlowCall(ask(url=url))

    assert call.ended == "failed"
    assert "address" in call.error


def test_a_header_cannot_be_split_by_a_value():
    call = FlowCall(ask(headers={"X-Name": "{{ call.variables.evil }}"}), variables={"evil": "a\r\nX-Other: b"})

    assert call.ended == "failed"
    assert "line break" in call.error


def test_what_goes_into_secret_variables_shows_nowhere_in_the_trail():
    document = ask(save={"pin": "body.pin"})
    document["nodes"]["ok"]["message"] = "{{ pin }} {{ nodes.crm.body }} {{ nodes.crm.status_code }}"

    call = FlowCall(document).api_replies(200, {"pin": "4711"})

    assert call.variables["pin"] == "4711"
    assert call.steps[0].changed == {"pin": "***"}
    assert call.notes == ["*** *** ***"]
