"""What keeps other sites out of a browser that is logged in: headers, the cookie, and the proof that our own page asks."""

import re
import secrets
from collections.abc import Mapping

from firmware.wui.request import SAFE, Request

#: the header that no other site's page can send without being asked for leave first, and what it says
OURS, WORD = "X-Requested-With", "csyncd"

_NAME = re.compile(r"[^:]+:([0-9]{1,5})\Z|\[[0-9a-fA-F:.]+\]:([0-9]{1,5})\Z")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
#: what is no page shows nothing and runs nothing, wherever it is opened
_NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def new_nonce() -> str:
    """What one page may name its style elements by."""
    return secrets.token_urlsafe(16)


def security_headers(nonce: str = "") -> dict[str, str]:
    """What every answer says; with `nonce` it is a page."""
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce) if nonce else _NO_PAGE,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }


def cookie_name(request: Request) -> str:
    """Browsers keep cookies by host, not by port, and two nodes may be forwarded to ports of one host: so it has the port.
    Where it is HTTPS, the name says that no other host may have set it, and no page without TLS."""
    port = _NAME.match(request.header("Host"))
    name = f"csyncd-{(port[1] or port[2]) if port else 'web'}"
    return f"__Host-{name}" if request.tls else name


def cookie(request: Request) -> str:
    """What the browser has of ours; "" for nothing, and for two, which nobody sends who means well."""
    pairs = [pair.strip().partition("=") for pair in request.header("Cookie").split(";")]
    values = [value for name, _, value in pairs if name == cookie_name(request)]
    return values[0] if len(values) == 1 else ""


def set_cookie(request: Request, value: str) -> Mapping[str, str]:
    """The header that has the browser keep it, until it is closed; with "" it forgets it."""
    secure = "; Secure" if request.tls else ""
    end = "" if value else "; Max-Age=0"
    return {"Set-Cookie": f"{cookie_name(request)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}"}


def is_same_origin(request: Request) -> bool:
    """Whether a browser says, in a header that no page can write, that a page of ours asks. One that says nothing is none."""
    site, origin = request.header("Sec-Fetch-Site"), request.header("Origin")
    return bool(site or origin) and site in ("", "same-origin") and origin in ("", request.origin)


def is_cross_site(request: Request) -> bool:
    """Whether a browser says that another site's page asks; a program that is no browser says nothing."""
    return bool(request.header("Sec-Fetch-Site") or request.header("Origin")) and not is_same_origin(request)


def may_change(request: Request) -> bool:
    """Whether a request that comes with the cookie may change something: our own page has asked for it."""
    return request.method in SAFE or (request.header(OURS) == WORD and is_same_origin(request))
