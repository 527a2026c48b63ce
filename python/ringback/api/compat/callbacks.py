"""Reads `callback` and `dlrurl`: where the events of this call go."""

from typing import Any
from urllib.parse import urlsplit

from ringback.api.body import decode_json
from ringback.api.collect import Faults
from ringback.api.problems import ProblemError
from ringback.model.call import CallbackUrl
from ringback.model.status import Kind

MAX_CALLBACKS = 10
"""Profiles and URLs of one request together; documented limit of the compatible API."""

COMMON_EVENTS = frozenset({"call_start", "call_answer", "call_end"})
PAIR_EVENTS = frozenset({"from_call_start", "from_call_answer", "to_call_start", "to_call_answer"})


def read_callbacks(
    callback: str | dict[str, Any] | None, dlrurl: str | None, kind: Kind, faults: Faults
) -> tuple[CallbackUrl, ...]:
    """Return the endpoints, each URL once with all of its events; faults are noted."""
    events = COMMON_EVENTS | (PAIR_EVENTS if kind is Kind.CLICK_TO_CALL else frozenset())
    pairs = _read_callback(callback, events, faults)
    if dlrurl is not None and check_url(dlrurl, "dlrurl", faults):
        pairs.append((dlrurl, "call_end"))
    by_url: dict[str, set[str]] = {}
    for url, event in pairs:
        by_url.setdefault(url, set()).add(event)
    if len(by_url) > MAX_CALLBACKS:
        faults.add("callback", f"names {len(by_url)} URLs; {MAX_CALLBACKS} are allowed")
    return tuple(CallbackUrl(url=url, events=frozenset(names)) for url, names in by_url.items())


def _read_callback(
    callback: str | dict[str, Any] | None, events: frozenset[str], faults: Faults
) -> list[tuple[str, str]]:
    if callback is None:
        return []
    if isinstance(callback, str):
        if not callback.lstrip().startswith("{"):
            return [(callback, "call_end")] if check_url(callback, "callback", faults) else []
        try:
            callback = decode_json(callback, what="`callback`")
        except ProblemError as error:
            faults.add("callback", error.detail)
            return []
    assert isinstance(callback, dict)  # noqa: S101  text beginning with a brace decodes to an object
    found = []
    for name, endpoints in callback.items():
        if name.lower() not in events:
            faults.add(f"callback.{name[:60]}", f"is not an event of this call; known are {', '.join(sorted(events))}")
            continue
        found += [(url, name.lower()) for url in _read_urls(f"callback.{name}", endpoints, faults)]
    return found


def _read_urls(path: str, endpoints: Any, faults: Faults) -> list[str]:
    if isinstance(endpoints, str):
        endpoints = {"url": [endpoints]}
    if not isinstance(endpoints, dict):
        faults.add(path, 'must be like {"url": ["https://..."]}')
        return []
    for name in endpoints:
        if name == "callback_profile" and endpoints[name]:
            faults.add(f"{path}.{name}", "callback profiles are not offered by this version; give `url`")
        elif name not in {"url", "callback_profile"}:
            faults.add(f"{path}.{str(name)[:60]}", "is not known here; give `url`")
    urls = endpoints.get("url", [])
    urls = [urls] if isinstance(urls, str) else urls
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        faults.add(f"{path}.url", "must be a list of URLs")
        return []
    if len(urls) > MAX_CALLBACKS:
        faults.add(f"{path}.url", f"names {len(urls)} URLs; {MAX_CALLBACKS} are allowed in all")
        return []
    return [url for index, url in enumerate(urls) if check_url(url, f"{path}.url[{index}]", faults)]


def check_url(url: str, path: str, faults: Faults) -> bool:
    """Tell whether a webhook can go to `url` (placeholders may stand in it); a fault is noted if not."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        faults.add(path, f"is not a URL: {error}")
        return False
    if parts.scheme not in {"http", "https"} or not host:
        faults.add(path, "must be a URL beginning with https:// or http://, with a host")
    elif len(url) > 2_048:  # noqa: PLR2004
        faults.add(path, "is longer than 2,048 characters")
    elif any(character.isspace() or ord(character) < 32 for character in url):  # noqa: PLR2004
        faults.add(path, "must not contain spaces or control characters")
    elif "{" in parts.netloc:
        faults.add(path, "may have placeholders only after the host")
    else:
        return True
    return False
