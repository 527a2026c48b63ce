"""Just enough SIP as text for a user agent that breaks the rules on purpose. Pure.

The product's own stack cannot be asked to misbehave, so the misbehaving carrier builds its messages by hand. Nothing
here is careful with hostile input: it only ever talks to Ringback on loopback.
"""

from msgspec import Struct

CRLF = "\r\n"
PHRASES = {100: "Trying", 180: "Ringing", 200: "OK", 404: "Not Found", 486: "Busy Here", 503: "Service Unavailable"}


class SipText(Struct, frozen=True, kw_only=True):
    """A message taken apart: first line, headers in order as written, body."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @property
    def method(self) -> str:
        """Method of a request; `SIP/2.0` for a response."""
        return self.start.split(" ", 1)[0]

    @property
    def code(self) -> int | None:
        """Status code of a response, None for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else None

    def get(self, name: str) -> str:
        """First value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """All values of a header, one for each line."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def parse(data: bytes) -> SipText:
    """Take a message apart.

    Raises:
        ValueError: it has no first line.
    """
    head, _, body = data.decode("utf-8", "replace").partition(CRLF * 2)
    start, *lines = head.split(CRLF)
    if not start:
        raise ValueError("empty message")
    pairs = (line.partition(":") for line in lines)
    return SipText(start=start, headers=tuple((name.strip(), value.strip()) for name, _, value in pairs), body=body)


def render(message: SipText) -> bytes:
    """Put a message together; Content-Length is added."""
    lines = [message.start, *(f"{name}: {value}" for name, value in message.headers)]
    lines.append(f"Content-Length: {len(message.body.encode())}")
    return (CRLF.join(lines) + CRLF * 2 + message.body).encode()


def response(
    request: SipText, code: int, *, to_tag: str = "", contact: str = "", phrase: str | None = None, body: str = ""
) -> SipText:
    """Answer a request, copying what RFC 3261 section 8.2.6.2 says must be copied."""
    headers = [("Via", value) for value in request.all("Via")]
    headers += [("Record-Route", value) for value in request.all("Record-Route")]
    to_value = request.get("To")
    if to_tag and "tag=" not in to_value:
        to_value += f";tag={to_tag}"
    headers += [("From", request.get("From")), ("To", to_value)]
    headers += [("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq"))]
    if contact:
        headers.append(("Contact", f"<{contact}>"))
    if body:
        headers.append(("Content-Type", "application/sdp"))
    return SipText(start=f"SIP/2.0 {code} {phrase or PHRASES.get(code, 'Code')}", headers=tuple(headers), body=body)


def sdp(host: str, port: int, *, formats: str = "8 0") -> str:
    """Describe one audio stream; `formats` are RTP payload types."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP {formats}"]
    return CRLF.join(lines) + CRLF
