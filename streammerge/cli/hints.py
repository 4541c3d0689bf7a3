"""Hints for commands and options of other tools, and for options of another command."""

from collections.abc import Sequence

_MERGE = "`streammerge merge SOURCE ... --into DESTINATION` copies within S3 what is missing at the destination"
_PLAN = "`streammerge plan` is the dry run of merge: same arguments, nothing is copied"
_PRUNE = "`streammerge merge --prune` removes unplanned objects from the destination, after asking"
_RERUN = "To resume after an interruption, run the same command again"
_DIRECTORY = "The directory is the last argument: `streammerge pull s3://BUCKET/PREFIX/ DIR`"

_COMMANDS = {
    "cp copy sync rsync mirror": _MERGE,
    "mv move": f"{_MERGE}; sources are never changed",
    "rm remove delete prune": _PRUNE,
    "dry-run dryrun preview": _PLAN,
    "resume continue retry": _RERUN,
    "ls list du stat": "`streammerge inspect` summarizes prefixes",
    "check cmp compare diff": "`streammerge verify` compares the destination with the sources",
    "get fetch download": "`streammerge pull` downloads a merged set",
    "help": "Run `streammerge --help`, or `streammerge COMMAND --help`",
}
_OPTIONS = {
    "-n --dry-run --dryrun": _PLAN,
    "--delete --delete-after --remove --mirror": _PRUNE,
    "-d --to --dest --destination --target": "The destination is named with --into",
    "-o --output --format": "--into names the destination; --json prints the report as JSON; --html FILE writes a page",
    "-f --force --overwrite": "--if-exists overwrite replaces whatever else is under a planned key",
    "-j -t --jobs --parallel --threads --transfers": "--concurrency N limits the requests in flight",
    "-r -R --recursive": "Everything below a prefix is always taken",
    "--resume --continue": _RERUN,
    "--sse": "Use --encryption",
    "--sse-kms-key-id": "Use --kms-key",
    "--debug": "Use --verbose",
}
_OF_COMMAND = {
    "inspect": {"--to --dest --destination --into": "inspect has no destination; plan and merge take --into"},
    "plan": {"--prune --yes": "--prune is an option of merge; plan reports the same objects as unplanned"},
    "pull": {
        "-o --output --to --dest --destination --into": _DIRECTORY,
        "-n --dry-run --dryrun": "`streammerge inspect` shows what there is to pull",
    },
}


def of_command(word: str) -> str:
    """What to use instead of another tool's command; empty if that is not known."""
    if "://" in word or word.endswith(".toml"):
        return "Put a command first, as in `streammerge plan SOURCE ... --into DESTINATION`"
    return _lookup(word.lower(), _COMMANDS)


def of_option(name: str, command: str, others: Sequence[str]) -> str:
    """What to use instead of an option that a command lacks; empty if that is not known.

    command: "" for streammerge itself. others: the commands that have the option.
    """
    if found := _lookup(name, _OF_COMMAND.get(command, {})) or _lookup(name, _OPTIONS):
        return found
    if not others:
        return ""
    if not command:
        return f"Options follow the command, as in `streammerge {others[0]} ... {name}`"
    return f"It is an option of {' and '.join(others)}"


def _lookup(word: str, table: dict[str, str]) -> str:
    return next((hint for words, hint in table.items() if word in words.split()), "")
