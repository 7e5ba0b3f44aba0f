"""The local server against web pages, broken clients and floods, over raw sockets.

Each attack is a function of a running viewer that fails where the attack succeeds, so that
`test_defences_have_teeth` can switch a defence off and see that the attack is real.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from finops import config
from finops.viewer.http import Request, Response
from finops.viewer.security import Gate, Head, Route
from finops.viewer.server import Limits
from tests.support.live import Answer, FakeCommands, Live, live, parse, read_all, some_rows
from tests.support.patience import allowed_s
from tests.support.processes import wait_until

CANARY = "canary-7f3a"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One viewer with reports, a second dataset, and a canary outside of all of them."""
    folder = tmp_path_factory.mktemp("site")
    some_rows(folder)
    (folder / "canary.txt").write_text(CANARY)
    (folder / "data" / "other.csv").write_bytes(b"header\nrow\n")
    (folder / "data" / "notes.txt").write_text(CANARY)
    with live(folder, FakeCommands({"*": "wait 0.01"}), collect=True, collect_key="k1") as running:
        running.post("/api/run-all")
        running.idle()
        yield running


# --- T1 hosts --------------------------------------------------------------------------------


def hosts_are_checked(site: Live) -> None:
    p = site.port
    wrong = [
        *("evil.test", f"evil.test:{p}", f"127.0.0.1.evil.test:{p}", f"localhost.evil:{p}"),
        *(f"0.0.0.0:{p}", f"localhost.:{p}", "127.0.0.1", f"127.0.0.1:{p + 1}", ""),
        *(f"[::1]:{p}", f"127.1:{p}", f"127.0.0.1:{p}, evil.test", f"user@127.0.0.1:{p}"),
    ]
    heads = [f"Host: {name}\r\n" for name in wrong]
    heads += ["", f"Host: {site.host}\r\nHost: {site.host}\r\n"]
    heads += [f"Host: {site.host}\x00\r\n", f"Host:\r\n {site.host}\r\n"]
    for head in heads:
        for method in ("GET", "POST", "OPTIONS", "BREW"):
            answer = parse(f"{method} /api/status HTTP/1.1\r\n{head}\r\n".encode("latin-1"), site)
            assert answer.status in (400, 403), (method, head, answer)


def test_host_rejected(site: Live) -> None:
    hosts_are_checked(site)
    absolute = f"GET http://{site.host}/api/status HTTP/1.1\r\nHost: {site.host}\r\n\r\n"
    assert parse(absolute.encode(), site).status == 400
    for good in (site.host, f"localhost:{site.port}", f"LOCALHOST:{site.port}"):
        assert site.get("/api/status", Host=good).status == 200


def test_the_host_is_checked_before_the_route(site: Live) -> None:
    """A rebound page must not learn which addresses there are."""
    bodies = {site.get(target, Host="evil.test").body for target in ("/", "/nothing", "/api/x")}
    assert len(bodies) == 1


# --- T2 forged posts -------------------------------------------------------------------------

TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded")


def origins(site: Live) -> Tuple[str, ...]:
    p = site.port
    return (
        "",
        f"http://{site.host}",
        "null",
        f"http://127.0.0.1:{p + 1}",
        f"http://{site.host}.evil.test",
        f"https://{site.host}",
        "http://evil.test",
    )


def forged_posts_are_refused(site: Live) -> None:
    for content_type in TYPES:
        for origin in origins(site):
            for fetch_site in ("", "same-origin", "same-site", "cross-site", "none"):
                headers = {"Content-Type": content_type}
                if origin:
                    headers["Origin"] = origin
                if fetch_site:
                    headers["Sec-Fetch-Site"] = fetch_site
                answer = site.send("POST", "/api/cancel?job=none", headers, {})
                good_origin = origin in ("", f"http://{site.host}")
                if not good_origin or fetch_site not in ("", "same-origin"):
                    wanted = 403
                else:
                    wanted = 404 if content_type == TYPES[0] else 415
                assert answer.status == wanted, (headers, answer)


def test_csrf_matrix(site: Live) -> None:
    forged_posts_are_refused(site)


def test_collector_is_closed_to_pages_too(site: Live) -> None:
    for path in ("/meter/v2/ai/completions", "/v1/events/batch"):
        answer = site.post(path, [], Origin="http://evil.test", x_api_key="k1")
        assert answer.status == 403


# --- T3 headers ------------------------------------------------------------------------------

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "connection": "close",
}


def every_kind_of_answer(site: Live) -> List[Answer]:
    targets = list(site.running.server.gate._routes)
    found = [site.get(target) for target in targets]
    found += [site.post(target) for target in targets]
    found += [
        site.post("/api/run-all"),
        site.post("/api/run-all"),
        site.get("/nothing"),
        site.get("/", Host="evil.test"),
        site.send("DELETE", "/"),
        site.post("/api/run-all", b"x" * 10, Content_Length=str(10**9)),
        site.post("/api/run-all", b"{", Content_Type="application/json"),
        parse(b"rubbish\r\n\r\n", site),
    ]
    site.idle()
    return found


def test_headers_on_every_route(site: Live) -> None:
    answers = every_kind_of_answer(site)
    assert {200, 202, 400, 403, 404, 405, 409, 413} <= {answer.status for answer in answers}
    for answer in answers:
        for name, value in EVERYWHERE.items():
            assert answer.headers[name] == value, answer
        assert answer.headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "server" not in answer.headers


def test_reports_are_sandboxed(site: Live) -> None:
    policy = site.get("/reports/pricing.html").headers["content-security-policy"]
    assert "sandbox allow-scripts allow-downloads" in policy
    assert "'sha256-" in policy


@pytest.mark.parametrize("fetch_site", ["cross-site", "same-site"])
def test_other_sites_cannot_read_the_api(site: Live, fetch_site: str) -> None:
    for path in ("/api/status", "/api/datasets", "/api/openapi.json", "/api/job?job=x"):
        assert site.get(path, Sec_Fetch_Site=fetch_site).status == 403
        assert site.get(path, Sec_Fetch_Site="same-origin").status in (200, 404)
    assert site.get("/", Sec_Fetch_Site=fetch_site).status == 200  # a link may lead here


# --- T4 and T5 paths -------------------------------------------------------------------------


def traversals(site: Live) -> List[str]:
    names = ["canary.txt", "data/calls.csv", "etc/passwd", "data/notes.txt"]
    climbs = [
        *("../", "../../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%252f", "%252e%252e%252f"),
        *("..\\", "..%5c", "....//", "..;/", "%c0%ae%c0%ae/", "..%00/", "//", "./../"),
    ]
    found = [f"/reports/{climb}{name}" for climb in climbs for name in names]
    found += [f"/{climb}{name}" for climb in climbs[:6] for name in names]
    found += ["/C:/Windows/win.ini", "/reports/CON", "/\\\\host\\share", "/reports/%00.html"]
    found += ["/reports/", "/reports", "/data/calls.csv", "/assets/../routes.py", "/assets/"]
    found += ["/reports/pricing.html/", "/reports/./pricing.html", "/reports/PRICING.html"]
    return found


def paths_do_not_climb(site: Live) -> None:
    corpus = traversals(site)
    assert len(corpus) >= 60
    for target in corpus:
        answer = site.get(target)
        assert answer.status in (400, 404), (target, answer)
        assert CANARY.encode() not in answer.body


def test_traversal_corpus(site: Live) -> None:
    paths_do_not_climb(site)


def test_symlink_report_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text(CANARY)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "pricing.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "reports" / "features.html").mkdir()
    with live(tmp_path) as running:
        for name in ("pricing", "features"):
            answer = running.get(f"/reports/{name}.html")
            assert answer.status == 404
            assert CANARY.encode() not in answer.body
            assert running.status()["reports"][f"{name}.html"]["exists"] is False


def test_switcher_only_listed_ids(site: Live, tmp_path: Path) -> None:
    link = Path(site.viewer.datasets.folder) / "linked.csv"
    link.symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "elsewhere.csv").write_text(CANARY)
    names = ["../canary.txt", "notes.txt", "linked.csv", "other", "OTHER.CSV", "", "%2e%2e"]
    names += [str(site.viewer.datasets.folder / "other.csv"), "other.csv\x00", "./other.csv"]
    for name in names:
        quoted = "".join(f"%{byte:02x}" for byte in name.encode())
        assert site.post(f"/api/dataset?name={quoted}").status == 404, name
    link.unlink()
    assert site.post("/api/dataset?name=other.csv").json["name"] == "other.csv"
    assert site.post("/api/dataset?name=calls.csv").status == 200
    site.idle()


# --- T9 and T10 framing ----------------------------------------------------------------------


def framings(site: Live) -> Dict[str, bytes]:
    good = f"Host: {site.host}\r\n".encode()
    post = b"POST /api/run-all HTTP/1.1\r\nContent-Type: application/json\r\n" + good
    return {
        "0.9": b"GET /\r\n\r\n",
        "no version": b"GET / \r\n" + good + b"\r\n",
        "2.0": b"GET / HTTP/2.0\r\n" + good + b"\r\n",
        "lower-case method": b"get / HTTP/1.1\r\n" + good + b"\r\n",
        "tab": b"GET\t/ HTTP/1.1\r\n" + good + b"\r\n",
        "chunked": post + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "both": post + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        "identity": post + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
        "two lengths": post + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "length list": post + b"Content-Length: 2, 2\r\n\r\n{}",
        "signed length": post + b"Content-Length: +2\r\n\r\n{}",
        "hex length": post + b"Content-Length: 0x2\r\n\r\n{}",
        "negative length": post + b"Content-Length: -1\r\n\r\n{}",
        "folded": b"GET / HTTP/1.1\r\n" + good + b"X-A: b\r\n c\r\n\r\n",
        "space before colon": b"GET / HTTP/1.1\r\n" + good + b"X-A : b\r\n\r\n",
        "bare line feed": b"GET / HTTP/1.1\n" + good + b"\r\n",
        "no colon": b"GET / HTTP/1.1\r\n" + good + b"nonsense\r\n\r\n",
        "empty name": b"GET / HTTP/1.1\r\n" + good + b": b\r\n\r\n",
        "empty line first": b"\r\nGET / HTTP/1.1\r\n" + good + b"\r\n",
        "GET with a body": b"GET / HTTP/1.1\r\n" + good + b"Content-Length: 3\r\n\r\nabc",
    }


def framings_are_refused(site: Live) -> None:
    for name, raw in framings(site).items():
        answer = parse(raw, site)
        assert answer.status == 400, (name, answer)
        assert b"\r\n" not in answer.body, name


def test_framing_refused(site: Live) -> None:
    before = len(site.status()["jobs"])
    framings_are_refused(site)
    assert len(site.status()["jobs"]) == before


def test_no_second_request_on_a_connection(site: Live) -> None:
    one = f"GET /healthz HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()
    assert site.raw(one * 3).count(b"HTTP/1.0 200") == 1


def test_no_crlf_in_headers(site: Live) -> None:
    targets = ["/%0d%0aX-Evil:1", "/api/run-analyzer?id=%0d%0aX-Evil:%201", "/?a=%0aX-Evil:1"]
    for target in targets:
        for answer in (site.get(target), site.post(target)):
            assert "x-evil" not in answer.headers
    with pytest.raises(ValueError, match="control character"):
        Response(200, b"", "text/plain", (("X-A", "b\r\nX-Evil: 1"),)).head()


# --- T12 limits ------------------------------------------------------------------------------


def test_body_limits(site: Live) -> None:
    limit = config.HTTP_BODY_BYTES
    for size, wanted in ((limit - 1, 202), (limit, 202), (limit + 1, 413)):
        body = b"{" + b" " * (size - 2) + b"}"
        assert site.post("/api/run-analyzer?id=pricing", body).status == wanted, size
        site.idle()
    for claimed in ("10000000000", "9999999999", "9" * 200):
        begun = time.monotonic()
        assert site.post("/api/run-all", b"", Content_Length=claimed).status == 413
        assert time.monotonic() - begun < allowed_s(2)
    no_length = f"POST /api/run-all HTTP/1.1\r\nHost: {site.host}\r\n"
    typed = no_length + "Content-Type: application/json\r\n\r\n"
    assert parse(typed.encode(), site).status == 411
    short = f"GET / HTTP/1.1\r\nHost: {site.host}\r\n"
    assert parse((short + "X-A: b\r\n" * 63 + "\r\n").encode(), site).status == 200
    assert parse((short + "X-A: b\r\n" * 64 + "\r\n").encode(), site).status == 431
    assert parse((short + f"X-A: {'b' * 16_000}\r\n\r\n").encode(), site).status == 200
    assert parse((short + f"X-A: {'b' * 17_000}\r\n\r\n").encode(), site).status == 431
    assert parse(f"GET /{'a' * 17_000} HTTP/1.1\r\n\r\n".encode(), site).status == 431


# --- T11 and T13 time and numbers -------------------------------------------------------------


def drips_are_cut(running: Live) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", running.port), timeout=300) as connection:
        try:
            for byte in b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"b" * 200:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
                assert time.monotonic() - begun < allowed_s(1.5), "still open"
        except OSError:
            pass
        assert read_all(connection) == b""
    assert time.monotonic() - begun < allowed_s(1.5)


def test_drip_cut(tmp_path: Path) -> None:
    with live(tmp_path, limits=Limits(head_s=0.5, request_s=1.0)) as running:
        drips_are_cut(running)


def test_slow_body_cut(tmp_path: Path) -> None:
    with live(tmp_path, limits=Limits(head_s=0.3, request_s=0.8)) as running:
        head = f"POST /api/run-all HTTP/1.1\r\nHost: {running.host}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", running.port), timeout=300) as connection:
            connection.sendall(head.encode())
            sent = 0
            with suppress(ConnectionError):
                while sent < 99:  # one less than the body has
                    connection.sendall(b" ")
                    time.sleep(0.1)
                    sent += 1
            assert sent < 99, "still open"
        assert 0.7 < time.monotonic() - begun < allowed_s(2)


def test_never_reads(tmp_path: Path) -> None:
    """A client that asks for a large page and never reads it loses its thread, not ours."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "pricing.html").write_bytes(b"x" * (16 << 20))
    with live(tmp_path, limits=Limits(head_s=0.5, request_s=1.0, slots=1)) as running:
        request = f"GET /reports/pricing.html HTTP/1.1\r\nHost: {running.host}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=300) as connection:
            connection.sendall(request.encode())
            time.sleep(0.2)
            begun = time.monotonic()
            assert running.get("/healthz").status == 200
            assert time.monotonic() - begun < allowed_s(3)


def stalled_clients_do_not_block(running: Live, deadline_s: float) -> None:
    stalled = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(100)]
    try:
        for connection in stalled:
            connection.sendall(b"GET / HTTP/1.1\r\n")
        begun = time.monotonic()
        assert running.get("/healthz").body == b"ok"
        assert time.monotonic() - begun < allowed_s(2 * deadline_s + 1)
    finally:
        for connection in stalled:
            connection.close()


def test_stalled_100_plus_one(tmp_path: Path) -> None:
    with live(tmp_path, limits=Limits(head_s=1.0, request_s=2.0)) as running:
        stalled_clients_do_not_block(running, 1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and RLIMIT_NOFILE")
def test_emfile_recovers(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with live(tmp_path, limits=Limits(head_s=0.5, request_s=1.0)) as running:
        assert running.get("/healthz").status == 200
        connections: List[socket.socket] = []
        in_use = max(int(name) for name in __import__("os").listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 20, hard))
        try:
            for _ in range(200):
                connections.append(socket.create_connection(("127.0.0.1", running.port)))
        except OSError:
            pass  # ours have run out too: half of them are the server's
        finally:
            time.sleep(0.2)
            for connection in connections:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert connections
        assert running.get("/healthz").status == 200


# --- T15 and T20 what is told ------------------------------------------------------------------


def test_log_one_line_per_request(tmp_path: Path) -> None:
    with live(tmp_path, collect=True, collect_key="secret-key") as running:
        running.log.clear()
        running.get("/%0a%1b[2Jfake?token=secret-token")
        running.get("/" + "a" * 2000)
        running.post("/v1/events/batch", [{"note": "secret-body"}], x_api_key="secret-key")
        parse(b"GET /\x1b[31m\r\n\r\n", running)
        wait_until(lambda: len(running.log) >= 4)
        assert len(running.log) == 4
        for line in running.log:
            assert len(line) <= 300
            assert re.fullmatch(r"[ -~]+", line), line
            assert "secret" not in line


def test_errors_reveal_nothing(site: Live, tmp_path: Path) -> None:
    def broken(request: Request) -> Response:
        raise KeyError(str(tmp_path))

    site.running.server.gate._routes["/broken"] = {"GET": Route(broken)}
    answers = [*every_kind_of_answer(site), site.get("/broken")]
    assert answers[-1].status == 500
    for answer in answers:
        if answer.status >= 400:
            assert answer.json["success"] is False
            text = answer.body.decode()
            assert "Traceback" not in text
            assert str(tmp_path) not in text
            assert "/home" not in text
            assert ".py" not in text
            assert "Python" not in json.dumps(answer.headers)
    assert any("defect: KeyError" in line for line in site.log)
    del site.running.server.gate._routes["/broken"]


# --- T18 and T19 -------------------------------------------------------------------------------


def test_run_unknown_id(site: Live) -> None:
    before = len(site.status()["jobs"])
    for name in ("nothing", "../pricing", "pricing;id", "", "PRICING", "pricing%20"):
        assert site.post(f"/api/run-analyzer?id={name}").status == 404
    assert site.post("/api/run-analyzer").status == 400
    assert site.post("/api/run-analyzer?id=pricing&id=features").status == 400
    assert len(site.status()["jobs"]) == before


def test_run_singleflight(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "wait 1"})) as running:
        assert running.post("/api/run-analyzer?id=pricing").status == 202
        answers = [running.post("/api/run-analyzer?id=pricing") for _ in range(5)]
        assert [answer.status for answer in answers] == [409] * 5
        assert running.post("/api/run-all").status == 409
        running.idle()
        assert len(running.commands.analyses) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/net/tcp")
def test_only_loopback_listens(site: Live) -> None:
    port = f"{site.port:04X}"
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[1].endswith(f":{port}"):
                listening.append(fields[1])
    assert listening == [f"0100007F:{port}"]
    # Any other address of this very machine will do: all of 127.0.0.0/8 is it, on Linux.
    for address in ("127.0.0.2", *addresses_on_the_network()):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, site.port), timeout=2)


def addresses_on_the_network() -> List[str]:
    """Return the address by which others would know this machine, if there is a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        try:
            nobody.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return []
        return [str(nobody.getsockname()[0])]
    for other in ("127.0.0.2", lan_address()):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, site.port), timeout=2)


def lan_address() -> str:
    """Return this machine's address towards the network; a loopback one where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only picks an address
        except OSError:
            return "127.0.0.3"
        return str(probe.getsockname()[0])


# --- every defence is needed -------------------------------------------------------------------


class NoHost(Gate):
    def check_host(self, head: Head) -> str:
        return (head.all("host") or [""])[0]


class NoSite(Gate):
    def check_site(self, head: Head, route: Route, host: str) -> None:
        return


class NoType(Gate):
    def check_type(self, head: Head) -> None:
        return


class NoFraming(Gate):
    def check_framing(self, head: Head) -> None:
        return


class Folders(Gate):
    """Serves whatever path it is asked for, as a careless server would."""

    def find_route(self, path: str, method: str) -> Route:
        return Route(lambda request: Response(200, CANARY.encode(), "text/plain"))


TEETH: Tuple[Tuple[type, Callable[[Live], None]], ...] = (
    (NoHost, hosts_are_checked),
    (NoSite, forged_posts_are_refused),
    (NoType, forged_posts_are_refused),
    (NoFraming, framings_are_refused),
    (Folders, paths_do_not_climb),
)


@pytest.mark.parametrize(("weakened", "attack"), TEETH, ids=[t[0].__name__ for t in TEETH])
def test_defences_have_teeth(weakened: Any, attack: Callable[[Live], None], tmp_path: Path) -> None:
    with live(tmp_path) as running:
        attack(running)
        strong = running.running.server.gate
        running.running.server.gate = weakened(running.port, strong._routes)
        with pytest.raises(AssertionError):
            attack(running)


def test_reaper_has_teeth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finops.viewer.server._cut", lambda connection: None)
    limits = Limits(head_s=0.5, request_s=1.0)
    with live(tmp_path, limits=limits) as running, pytest.raises(AssertionError):
        drips_are_cut(running)
