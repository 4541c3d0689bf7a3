"""The verb `status` as a command."""

import json

import click

from streammerge.cli.exits import DONE
from streammerge.cli.showing import show
from streammerge.cli.verbs import Verb
from streammerge.core.chronicle import render_chronicle

_KEEPING = "A journal stays, for the next run of its job. Once there will be none, remove the file."


@click.command(cls=Verb)
@click.argument("journals", nargs=-1, metavar="[JOURNAL ...]")
@click.option("--json", "as_json", is_flag=True, help="Print what they tell as one JSON object.")
def status(journals: tuple[str, ...], *, as_json: bool) -> int:
    """Tell how the jobs of this machine stand, from their journals.

    Sends nothing. Without a JOURNAL, all in the state directory.
    """
    from streammerge.journal import state_directory  # noqa: PLC0415 - no other command needs these
    from streammerge.status import status as tell  # noqa: PLC0415

    told = tell(journals)
    if as_json:
        show(json.dumps({"journals": [one.to_json() for one in told]}))
    elif told:
        show("\n\n".join([*map(render_chronicle, told), _KEEPING]))
    else:
        show(f"No journal in {state_directory()}")
    return DONE
