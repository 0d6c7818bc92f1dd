"""Serves a page until Ctrl-C, to this machine alone unless told otherwise."""

import ipaddress
import re
import socket
import warnings
from typing import Any, Awaitable, Callable, Dict, List, MutableMapping, Optional

from allennlp.common.checks import ConfigurationError

from luke_allennlp.demo.page import css, theme
from luke_allennlp.demo.task_page import gradio

FIRST_PORT = 7860
"""The first one that is tried; as of gradio."""

_TRIED_PORTS = 100

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; form-action 'self'; base-uri 'self'"
)

# What gradio's page fetches or announces from elsewhere.
_FOREIGN = re.compile(
    rb"""<link\b[^>]*\bhref=["']https?://[^>]*>|<script\b[^>]*\bsrc=["']https?://[^>]*>\s*</script>"""
    rb"""|<meta\b[^>]*\bcontent=["']https?://[^>]*>"""
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_socket(host: str, port: Optional[int] = None) -> socket.socket:
    """
    A socket that listens at the port, or without one at the first free port from 7860. Raises a
    `ConfigurationError` if there is none.
    """
    ports = range(FIRST_PORT, FIRST_PORT + _TRIED_PORTS) if port is None else [port]
    error: Optional[OSError] = None
    for candidate in ports:
        try:
            family = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, candidate), family=family)
        except (OSError, OverflowError) as found:
            if isinstance(found, (socket.gaierror, OverflowError)):
                raise ConfigurationError(f"{host}, port {candidate}: {found}; give another.") from None
            error = found
    where = f"Port {port}" if port is not None else f"Every port from {ports[0]} to {ports[-1]}"
    assert error is not None
    raise ConfigurationError(
        f"{where} of {host} cannot be used ({error.strerror}); give another by --port, or omit it for the "
        "first one that is free."
    )


def application(page: Any) -> Any:
    """The page as an ASGI application that fetches nothing from other hosts."""
    from fastapi import FastAPI

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mounted = gradio().mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme(),
        css=css(),
        footer_links=[],
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        # Nothing is to be uploaded.
        max_file_size=1,
    )
    return _WithoutForeignHosts(mounted)


def serve(page: Any, listening: socket.socket) -> None:
    """Returns after Ctrl-C."""
    import uvicorn

    # Of deprecations, which are gradio's to mend.
    warnings.filterwarnings("ignore", module="gradio")
    # Pages that are open keep their connection, so that shutting down needs a limit.
    config = uvicorn.Config(application(page), log_level="critical", timeout_graceful_shutdown=1)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass


class _WithoutForeignHosts:
    """Takes other hosts out of the page, and forbids the browser to ask them."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        start: Dict[str, Any] = {}
        body: List[bytes] = []

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.append(message.get("body", b""))
            if message.get("more_body"):
                return
            content = _FOREIGN.sub(b"", b"".join(body))
            headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            headers.append((b"content-length", str(len(content)).encode()))
            headers.append((b"content-security-policy", _POLICY.encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": content})

        await self._app({**scope, "headers": kept}, receive, rewrite)
