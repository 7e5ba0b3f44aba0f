"""The gate every request passes before any of our code sees it, in a fixed order.

framing -> Host -> method -> route -> where it comes from -> type -> length -> key; the body is
read after that.  The local server is reachable from every web page that the user opens, so
each check refuses what a browser or a program of the user's would never send.  Each is a
method of its own, which lets a test switch one off and see its attack succeed.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import parse_qsl, unquote_to_bytes

from finops import config
from finops.viewer.http import Request, Response, refuse

_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*|\*) HTTP/1\.[01]").fullmatch
_HEADER_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)", re.S).fullmatch
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_LENGTH = re.compile("[0-9]+").fullmatch
_JSON = re.compile(r'application/json(?:; ?charset="?utf-8"?)?', re.IGNORECASE).fullmatch

METHODS = ("GET", "HEAD", "POST")
_LENGTH_DIGITS = 10


class Head(NamedTuple):
    """The head of a request: names lower-cased, in order, repetitions kept."""

    method: str
    target: str
    headers: Tuple[Tuple[str, str], ...]

    def all(self, name: str) -> List[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]


class Route(NamedTuple):
    """What answers one method of one path.

    `api`: other sites may not even read it.  `gzip`: a compressed body is taken.  `key`
    decides whether the headers carry the right key; None where none is asked for.
    """

    respond: Callable[[Request], Response]
    api: bool = False
    gzip: bool = False
    key: Optional[Callable[[Mapping[str, str]], bool]] = None


Routes = Dict[str, Dict[str, Route]]


class Admitted(NamedTuple):
    """A request that passed: its route, itself without a body, the body's length in bytes."""

    route: Route
    request: Request
    length: int


def parse_head(raw: bytes) -> Head:
    """Return the head of a request from its bytes up to and including the empty line.

    Raises RequestRefusedError for everything that HTTP libraries are known to read in different
    ways: HTTP/0.9, absolute targets, bare line feeds, folded lines, a space before the colon.
    """
    if not raw.endswith(b"\r\n\r\n"):
        raise refuse(400, "The request head is malformed.")
    lines = raw[:-4].split(b"\r\n")
    start = _REQUEST_LINE(lines[0])
    if not start:
        raise refuse(400, "The request line is not one of HTTP/1.0 or 1.1.")
    if len(lines) - 1 > config.HTTP_HEADERS:
        raise refuse(431, "There are too many headers.")
    headers = tuple(_header(line) for line in lines[1:])
    return Head(start.group(1).decode("ascii"), start.group(2).decode("ascii"), headers)


def _header(line: bytes) -> Tuple[str, str]:
    match = _HEADER_LINE(line)
    if not match or _CONTROL(line):
        raise refuse(400, "A request header is malformed.")
    return match.group(1).decode("ascii").lower(), match.group(2).strip(b" \t").decode("latin-1")


class Gate:
    """Lets requests through to the routes, or answers why not.

    `port` is the one the server listens on.
    """

    def __init__(self, port: int, routes: Routes) -> None:
        self._routes = routes
        names = ("127.0.0.1", "localhost")
        # Browsers leave the default port out.
        self._hosts = tuple(f"{name}:{port}" for name in names) + (names if port == 80 else ())

    def admit(self, head: Head) -> Admitted:
        """Return the admitted request; raises RequestRefusedError with the answer otherwise."""
        self.check_framing(head)
        host = self.check_host(head)
        path, query = self.split_target(head.target)
        self.check_method(head, path)
        route = self.find_route(path, head.method)
        self.check_site(head, route, host)
        if head.method != "POST":
            self.check_no_body(head)
            return Admitted(route, _request(head, path, query), 0)
        self.check_type(head)
        self.check_encoding(head, route)
        length = self.check_length(head)
        self.check_key(head, route)
        return Admitted(route, _request(head, path, query), length)

    def check_framing(self, head: Head) -> None:
        """Refuse what leaves the length of the request open to two readings."""
        if head.all("transfer-encoding"):
            raise refuse(400, "Transfer-Encoding is not supported; send Content-Length.")
        lengths = head.all("content-length")
        if len(lengths) > 1 or not all(_LENGTH(value) for value in lengths):
            raise refuse(400, "Content-Length is malformed.")

    def check_host(self, head: Head) -> str:
        """Return the Host, one of our two names; anything else may be a rebound DNS name."""
        hosts = [value.lower() for value in head.all("host")]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise refuse(403, "This server answers to 127.0.0.1 and localhost only.")
        return hosts[0]

    def check_method(self, head: Head, path: str) -> None:
        """Refuse methods that no route has."""
        if head.method not in METHODS:
            raise refuse(405, "This method is not allowed.", (("Allow", self._allowed(path)),))

    def _allowed(self, path: str) -> str:
        """Return the methods of a path for the Allow header; all where there is no such path."""
        methods = self._routes.get(path)
        reads = methods is None or "GET" in methods
        posts = methods is None or "POST" in methods
        return ", ".join(m for m in METHODS if (posts if m == "POST" else reads))

    def split_target(self, target: str) -> Tuple[str, Mapping[str, str]]:
        """Return the path, unquoted once, and the query; refuse broken or repeated ones."""
        raw_path, _, raw_query = target.partition("?")
        try:
            path = unquote_to_bytes(raw_path).decode("utf-8")
            pairs = parse_qsl(raw_query, keep_blank_values=True, errors="strict")
        except (UnicodeDecodeError, ValueError):
            raise refuse(400, "The address is not valid UTF-8.") from None
        if len({name for name, _ in pairs}) != len(pairs):
            raise refuse(400, "A query parameter occurs twice.")
        return path, dict(pairs)

    def find_route(self, path: str, method: str) -> Route:
        """Return the route of exactly this path; no text of a request becomes a file name."""
        methods = self._routes.get(path)
        if methods is None:
            raise refuse(404, "There is nothing at this address.")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise refuse(405, "This method is not allowed.", (("Allow", self._allowed(path)),))
        return route

    def check_site(self, head: Head, route: Route, host: str) -> None:
        """Refuse what another site's page sent: all of POST, and reading the API.

        Programs send neither header and pass.  A page of another port on this machine is
        `same-site` and no friend.
        """
        if head.method != "POST" and not route.api:
            return
        own = ("same-origin",) if head.method == "POST" else ("same-origin", "none")
        if any(origin != f"http://{host}" for origin in head.all("origin")):
            raise refuse(403, "Requests from other origins are refused.")
        if any(site not in own for site in head.all("sec-fetch-site")):
            raise refuse(403, "Requests from other sites are refused.")

    def check_no_body(self, head: Head) -> None:
        """Refuse to read for somebody who sends a body along; it would be left unread."""
        lengths = head.all("content-length")
        if lengths and lengths[0].strip("0"):
            raise refuse(400, "A GET request takes no body.")

    def check_type(self, head: Head) -> None:
        """Take JSON only: a form of another site cannot send it without asking first."""
        types = head.all("content-type")
        if len(types) != 1 or not _JSON(types[0]):
            raise refuse(415, "Send Content-Type: application/json.")

    def check_encoding(self, head: Head, route: Route) -> None:
        """Refuse compressed bodies where they are not expected."""
        codings = [value.lower() for value in head.all("content-encoding")]
        if codings and not (route.gzip and codings == ["gzip"]):
            raise refuse(415, "This Content-Encoding is not supported here.")

    def check_length(self, head: Head) -> int:
        """Return the length of the body in bytes, within the limit."""
        lengths = head.all("content-length")
        if not lengths:
            raise refuse(411, "Send Content-Length.")
        if len(lengths[0]) > _LENGTH_DIGITS or int(lengths[0]) > config.HTTP_BODY_BYTES:
            raise refuse(413, "The body is too large.")
        return int(lengths[0])

    def check_key(self, head: Head, route: Route) -> None:
        """Refuse a wrong or missing key where one is asked for."""
        if route.key is not None and not route.key(dict(head.headers)):
            raise refuse(401, "The key is missing or wrong.", (("WWW-Authenticate", "Bearer"),))


def _request(head: Head, path: str, query: Mapping[str, str]) -> Request:
    return Request(head.method, path, query, dict(head.headers))
