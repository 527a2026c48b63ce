"""Bans over HTTP."""

from pathlib import Path

from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.testing.api import api_world


async def test_bans_are_made_shown_and_lifted(tmp_path: Path) -> None:
    async with api_world(tmp_path) as world:
        tenant = await world.tenant(Account(sid=AccountSid("AC1"), name="One"))
        async with world.client(tenant=tenant) as client:
            made = await client.post(tenant.path("/bans"), json={"source": "198.51.100.66", "seconds": 60})
            shown = await client.get(tenant.path("/bans"))
            lifted = await client.delete(tenant.path("/bans/198.51.100.66"))
            after = await client.get(tenant.path("/bans"))
            refused = await client.post(tenant.path("/bans"), json={"source": "nobody"})

    assert made.status_code == lifted.status_code == 204
    assert shown.json() == {"bans": [{"source": "198.51.100.66", "seconds_left": 60}]}
    assert after.json() == {"bans": []}
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "source")
