"""A flood from one source, in a process of its own so that it reaches its rate. Ends by itself.

    python flooder.py TARGET_HOST TARGET_PORT SOURCE_HOST SOURCE_PORT METHOD COUNT PER_SECOND

Prints one JSON line: how many datagrams left and in how many seconds.
"""

import json
import socket
import sys
import time

LONGEST_S = 8.0
AT_ONCE = 100


def message(method: str, source: tuple[str, int], target: tuple[str, int], number: int) -> bytes:
    """Return one request of a call of its own."""
    host, port = source
    body = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
    body = body if method == "INVITE" else ""
    lines = [
        f"{method} sip:+4930999{number % 10_000:04d}@{target[0]}:{target[1]} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKflood{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:+4917{number:08d}@{host}>;tag=f{number}",
        f"To: <sip:+4930999{number % 10_000:04d}@{target[0]}>",
        f"Call-ID: flood-{port}-{number}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:flood@{host}:{port}>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def main() -> None:
    """Send at the rate asked for, at most for `LONGEST_S`."""
    target_host, target_port, source_host, source_port, method, count, per_s = sys.argv[1:]
    target = (target_host, int(target_port))
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((source_host, int(source_port)))
        messages = [message(method, sender.getsockname(), target, number) for number in range(int(count))]
        start = time.monotonic()
        sent = 0
        while sent < len(messages) and time.monotonic() - start < LONGEST_S:
            for data in messages[sent : sent + AT_ONCE]:
                sender.sendto(data, target)
            sent += AT_ONCE
            time.sleep(max(0.0, start + sent / int(per_s) - time.monotonic()))
        took = time.monotonic() - start
    sys.stdout.write(json.dumps({"sent": min(sent, len(messages)), "took_s": took}) + "\n")


if __name__ == "__main__":
    main()
