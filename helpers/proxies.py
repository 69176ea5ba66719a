"""Which proxy a client of this Python would use, and how 127.0.0.1 is kept out of it.

A proxy is named by the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, and NO_PROXY for the
addresses that are reached without one. Each may be written in small letters, which win.
"""

import importlib.util
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

LOOPBACK = ("127.0.0.1", "localhost")
KINDS = ("http", "https", "all")


def find_proxy(url: str) -> str | None:
    """The proxy through which a client would ask this URL; None when it goes there directly."""
    address = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(address.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_usable(proxy: str) -> bool:
    """Can httpx, and so the OpenAI client, use this proxy here? SOCKS needs a package for it."""
    scheme = urlsplit(proxy).scheme if "://" in proxy else "http"
    socks = scheme in ("socks5", "socks5h") and importlib.util.find_spec("socksio") is not None
    return socks or scheme in ("http", "https")


def spare_loopback() -> None:
    """Let the clients and children of this process reach 127.0.0.1 and localhost directly.

    NO_PROXY is extended, never replaced, and in both spellings: the small one hides the other. A
    proxy that httpx cannot use (SOCKS) makes every client of it fail, whatever the address, unless
    NO_PROXY has its kind, such as "all://"; other programs pass over that word.
    """
    proxies = getproxies_environment()
    if not proxies:
        return
    useless = [f"{k}://" for k in KINDS if k in proxies and not is_usable(proxies[k])]
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for name in ("no_proxy", "NO_PROXY"):
        words = [word.strip() for word in (os.environ.get(name) or known).split(",")]
        words += [word for word in (*LOOPBACK, *useless) if word not in words]
        if "*" not in words:  # which must stand alone
            os.environ[name] = ",".join(filter(None, words))
