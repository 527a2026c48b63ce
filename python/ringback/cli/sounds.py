"""`sounds`: upload, list and delete the sounds of an account, through a running server."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ringback.cli.calls import AsJson, Key, Sid, Url
from ringback.cli.client import connect
from ringback.cli.flow import read_file
from ringback.cli.output import out, waiting
from ringback.speech.sounds import MAX_UPLOAD_BYTES


def add(
    file: Annotated[Path, Parameter(help="WAV, MP3, FLAC or OGG; at most 10 MB and 10 minutes.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="What people call it. Default: the file's name.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    sid: Sid = None,
) -> None:
    """Upload a sound. Its id is what flows and `ringback call --sound` name."""
    data = read_file(file, limit_bytes=MAX_UPLOAD_BYTES)
    query = urlencode({"name": file.stem if name is None else name})
    with waiting(f"Uploading {file} ..."):
        sound = connect(url, key, sid).upload(f"/sounds?{query}", data)
    if as_json:
        out.print_json(json.dumps(sound))
        return
    out.print(f"[bold]{escape(sound['id'])}[/]  {escape(sound['name'])}  {sound['duration_s']:.1f} s")


def list_all(*, as_json: AsJson = False, url: Url = None, key: Key = None, sid: Sid = None) -> None:
    """List the account's sounds."""
    found = connect(url, key, sid).get("/sounds")["sounds"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Id", "Name", "Seconds", "Made")
    for sound in found:
        table.add_row(sound["id"], escape(sound["name"]), f"{sound['duration_s']:.1f}", sound["created_at"][:16])
    out.print(table)


def delete(
    sound_id: Annotated[str, Parameter(name="SOUND-ID", help="Id of the sound, as `ringback sounds list` shows it.")],
    /,
    *,
    url: Url = None,
    key: Key = None,
    sid: Sid = None,
) -> None:
    """Delete a sound. One that a published flow plays stays, and the flow is named."""
    connect(url, key, sid).delete(f"/sounds/{quote(sound_id, safe='')}")
    out.print(f"Sound {escape(sound_id)} is deleted.")
