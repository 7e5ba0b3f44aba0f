"""Webhooks: what is posted and where to, what counts as taken, and what never shows."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.alerts.webhook import Webhook, WebhookError
from finops.errors import UsageError
from tests.support.webhooks import Receiver, receiving

SECRETS = ("s3cr3t", "t0k3n", "services")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def test_a_post_is_json_with_the_text(receiver: Receiver) -> None:
    Webhook(receiver.url).post("budget exceeded: 6.00 USD")
    assert receiver.bodies == [{"text": "budget exceeded: 6.00 USD"}]
    assert receiver.requests == ["/services/T0/s3cr3t?key=t0k3n"]
    assert receiver.content_types == ["application/json"]


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_taken(receiver: Receiver, status: int) -> None:
    receiver.status = status
    Webhook(receiver.url).post("a")
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status = status
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    with pytest.raises(WebhookError, match=f"answered {status}, and redirects are not followed"):
        Webhook(receiver.url).post("a")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_refusal_is_an_error_without_the_secret(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(WebhookError) as refused:
        Webhook(receiver.url).post("a")
    said = str(refused.value)
    assert f"the webhook at 127.0.0.1 answered {status}" in said
    assert not any(secret in said for secret in SECRETS)


def test_who_does_not_answer_in_time_has_not_taken_it(receiver: Receiver) -> None:
    receiver.delay_s = 60
    begun = time.monotonic()
    with pytest.raises(WebhookError, match=r"no answer within 0\.3 s"):
        Webhook(receiver.url, 0.3).post("a")
    assert time.monotonic() - begun < 30


def test_an_answer_that_comes_byte_by_byte_is_over_at_the_limit(receiver: Receiver) -> None:
    """Each byte comes well within the limit; the answer does not."""
    receiver.drip_s = 0.05
    with pytest.raises(WebhookError, match=r"no answer within 0\.4 s"):
        Webhook(receiver.url, 0.4).post("a")


def test_the_limit_is_ten_seconds() -> None:
    assert Webhook("https://hooks.example/a")._limit_s == 10


def test_a_server_that_is_not_there_is_one_line_without_the_secret() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(WebhookError) as refused:
        Webhook(f"http://127.0.0.1:{port}/s3cr3t").post("a")
    assert "cannot be reached" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in SECRETS)


def test_what_is_no_web_server_is_one_line_too() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"220 mail.example ready for /s3cr3t\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WebhookError, match="cannot be reached: BadStatusLine") as refused:
            Webhook(f"http://127.0.0.1:{port}/s3cr3t").post("a")
        thread.join()
    assert not any(secret in str(refused.value) for secret in SECRETS)


def test_a_server_without_a_certificate_is_not_trusted(receiver: Receiver) -> None:
    with pytest.raises(WebhookError, match="its TLS is not accepted") as refused:
        Webhook(receiver.url.replace("http:", "https:")).post("a")
    assert receiver.bodies == []
    assert not any(secret in str(refused.value) for secret in SECRETS)


def test_what_goes_to_this_machine_goes_through_no_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    Webhook(receiver.url).post("a")
    assert receiver.texts == ["a"]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/services/x",
        "https://hooks.example:8443/x?y=1",
        "HTTPS://hooks.example/x",
        "http://127.0.0.1:9/x",
        "http://127.8.9.1/x",
        "http://localhost:9/x",
        "http://[::1]:9/x",
    ],
)
def test_https_and_this_machine_are_allowed(url: str) -> None:
    assert Webhook(url).server in url.lower()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/s3cr3t", "https only"),
        ("http://127.0.0.1.hooks.example/s3cr3t", "https only"),
        ("http://localhost.hooks.example/s3cr3t", "https only"),
        ("http://10.0.0.1/s3cr3t", "https only"),
        ("http://0.0.0.0/s3cr3t", "https only"),
        ("http://127.0.0.1@hooks.example/s3cr3t", "no user name"),
        ("https://ann:s3cr3t@hooks.example/", "no user name"),
        ("ftp://127.0.0.1/s3cr3t", "https only"),
        ("file:///s3cr3t", "not an address"),
        ("hooks.example/s3cr3t", "not an address"),
        ("", "not an address"),
        ("https:///s3cr3t", "not an address"),
        ("https://hooks.example:0/s3cr3t", "not an address"),
        ("https://hooks.example:99999/s3cr3t", "not an address"),
        ("https://hooks.example/s3cr3t with blanks", "not an address"),
        ("https://hooks.example/s3cr3t\r\nX: y", "not an address"),
        ("https://[::1/s3cr3t", "not an address"),
    ],
)
def test_other_addresses_are_refused_without_repeating_them(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        Webhook(url)
    assert "s3cr3t" not in str(refused.value)
    assert "s3cr3t" not in repr(refused.value.__cause__)


@given(st.text())
def test_any_text_is_an_address_or_one_refusal(url: str) -> None:
    problem = ""
    try:
        Webhook(url)
    except UsageError as refused:
        problem = str(refused)
    assert "\n" not in problem


def test_names_from_data_cannot_mention_a_channel(receiver: Receiver) -> None:
    Webhook(receiver.url).post("customer <!channel>\n<https://evil.example|click> costs 5")
    (text,) = receiver.texts
    assert "<" not in text
    assert "\n" not in text
    assert text.endswith("costs 5")


def test_a_text_is_bounded(receiver: Receiver) -> None:
    Webhook(receiver.url).post("a" * 100_000)
    assert len(json.dumps(receiver.bodies[0])) < 3000
