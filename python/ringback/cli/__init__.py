"""The command line, `ringback`. One file per group of commands; each is imported only when it is used.

Errors are told to people: what was wrong and what to do, no traceback (set RINGBACK_TRACEBACK=1 to see one).
Exit codes: 0 done, 1 it went wrong or something was found, 2 the command was not understood, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

from ringback import __version__
from ringback.cli.output import CliError, show_error
from ringback.model.errors import RingbackError

app = App(
    name="ringback",
    help="Programmable voice on your own machine. Every call ends with exactly one of 28 final statuses.",
    version=__version__,
    result_action="return_value",
    default_parameter=Parameter(negative="", show_default=False),
)
app.command("ringback.cli.serve:serve", help="Run Ringback: API, calls, webhooks.")
app.command("ringback.cli.demo:demo", help="Make each of the 28 statuses happen over real SIP, and show them.")
app.command("ringback.cli.calls:call", help="Place a call through a running server.")
app.command("ringback.cli.calls:c2c", help="Join two phones through a running server.")
app.command("ringback.cli.verify:verify", help="Audit every call in the database against the invariants.")
app.command("ringback.cli.simulate:simulate", help="Run the carrier simulator.")
app.command("ringback.cli.statuses:statuses", help="Explain the 28 final statuses, or one of them.")

accounts = App(name="accounts", help="Make and list accounts, directly in the database.")
accounts.command("ringback.cli.accounts:create", help="Make an account and its first key.")
accounts.command("ringback.cli.accounts:list_all", name="list", help="List the accounts.")
app.command(accounts)

keys = App(name="keys", help="Make, list and revoke API keys, directly in the database.")
keys.command("ringback.cli.keys:create", help="Make a key; it is shown once.")
keys.command("ringback.cli.keys:list_all", name="list", help="List an account's keys.")
keys.command("ringback.cli.keys:revoke", help="Revoke a key.")
app.command(keys)

flow = App(name="flow", help="Work on flow documents.")
flow.command("ringback.cli.flow:check", help="List every problem of a flow document.")
flow.command("ringback.cli.flow_test:run_tests", name="test", help="Run a file of flow tests.")
app.command(flow)

bans = App(name="bans", help="Sources that a running server does not listen to.")
bans.command("ringback.cli.bans:list_all", name="list", help="List the bans.")
bans.command("ringback.cli.bans:lift", help="Lift a ban.")
app.command(bans)

sounds = App(name="sounds", help="Sounds of an account, through a running server.")
sounds.command("ringback.cli.sounds:add", help="Upload a sound.")
sounds.command("ringback.cli.sounds:list_all", name="list", help="List the account's sounds.")
sounds.command("ringback.cli.sounds:delete", help="Delete a sound that no published flow plays.")
app.command(sounds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result = app(arguments if arguments is None else list(arguments), exit_on_error=True)
    except (CliError, RingbackError) as error:
        if os.environ.get("RINGBACK_TRACEBACK"):
            raise
        show_error(str(error))
        return 1
    except KeyboardInterrupt:
        show_error("Interrupted.")
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`ringback ... | head`): nothing to say, and no one to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0
