"""`bans`: list and lift bans of sources, through a running server."""

import json
from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from ringback.cli.calls import AsJson, Key, Sid, Url
from ringback.cli.client import connect
from ringback.cli.output import out


def list_all(*, as_json: AsJson = False, url: Url = None, key: Key = None, sid: Sid = None) -> None:
    """List the sources that are banned now."""
    found = connect(url, key, sid).get("/bans")["bans"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Source", "Seconds left")
    for ban in found:
        table.add_row(escape(ban["source"]), str(ban["seconds_left"]))
    out.print(table)


def lift(
    source: Annotated[str, Parameter(help="The address, as `ringback bans list` shows it.")],
    /,
    *,
    url: Url = None,
    key: Key = None,
    sid: Sid = None,
) -> None:
    """Lift the ban of an address, and forget its failures."""
    connect(url, key, sid).delete(f"/bans/{quote(source, safe='')}")
    out.print(f"{escape(source)} is not banned.")
