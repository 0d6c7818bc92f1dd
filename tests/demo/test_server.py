"""Where the page is served, and that it asks no other host."""

import re
import socket

import pytest
from allennlp.common.checks import ConfigurationError
from starlette.testclient import TestClient

from luke_allennlp.demo import server
from luke_allennlp.demo.page import build_page
from luke_allennlp.demo.server import application, is_loopback, open_socket


@pytest.mark.parametrize(
    "host, expected",
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected


class TestPorts:
    @pytest.fixture
    def taken(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield listening.getsockname()[1]

    def test_one_that_is_taken(self, taken):
        with pytest.raises(ConfigurationError, match=rf"Port {taken} of 127\.0\.0\.1 .*in use.*--port"):
            open_socket("127.0.0.1", taken)

    def test_the_next_free_one(self, taken, monkeypatch):
        monkeypatch.setattr(server, "FIRST_PORT", taken)
        with open_socket("127.0.0.1") as listening:
            assert taken < listening.getsockname()[1] < taken + 100

    def test_any(self):
        with open_socket("127.0.0.1", 0) as listening:
            assert listening.getsockname()[0] == "127.0.0.1" and listening.getsockname()[1]

    @pytest.mark.parametrize(
        "host, port", [("no.such.host.invalid", 1), ("127.0.0.1", 70_000), ("127.0.0.1", -1)]
    )
    def test_none_at_all(self, host, port):
        with pytest.raises(ConfigurationError, match=f"{host}, port {port}"):
            open_socket(host, port)


def test_the_page_names_no_other_host(pipelines):
    client = TestClient(application(build_page(pipelines("ner"), "the model", 100)))
    answer = client.get("/", headers={"accept-encoding": "gzip, br"})
    assert answer.status_code == 200 and "the model" in answer.text
    assert not re.findall(r"<(?:link|script|img|iframe)\b[^>]*https?://[^>]*>", answer.text)
    assert "googleapis" not in answer.text and "cdnjs" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    theme = client.get("/theme.css")
    assert theme.status_code == 200 and "@import" not in theme.text
    assert not re.search(r"url\([\"']?(?:https?:)?//", theme.text)


def test_nothing_can_be_uploaded(pipelines):
    client = TestClient(application(build_page(pipelines("ner"), "the model", 100)))
    answer = client.post("/gradio_api/upload", files={"files": ("a.txt", b"content")})
    assert answer.status_code >= 400
