"""What to say to someone who typed a verb or an option that there is not: the nearest, or ours for what others have."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

_COPY = "`streammerge merge SOURCE ... --into DESTINATION` copies within S3, what is not there yet"
_PLAN = "`streammerge plan` says what merge would do, and copies nothing"
_PRUNE = "`streammerge merge --prune` removes what is not in the plan from the destination, after asking"
_RESUME = "To go on after an interruption, run the same command again"
_FILTER = "A job file has `include` and `exclude` for a source; `streammerge plan ... --save-job FILE` writes one"
_CONCURRENCY = "--concurrency N bounds the requests in flight"
_OVERWRITE = "--if-exists overwrite replaces what lies at the destination under a planned name"

_DIRECTORY = "pull takes the directory as its last argument: `streammerge pull s3://BUCKET/PREFIX/ DIR`"
_DRY = "-n --dry-run --dryrun --dry_run --simulate"
_TO = "-d --to --out --dest --destination --dst --target"
_NEAR = 0.7  # of difflib's ratio: --jsn is near --json, --prune is not near --price

_VERBS = {
    "cp copy sync rsync mirror": _COPY,
    "mv move": "`streammerge merge` copies; it leaves the sources as they are",
    "dry-run dryrun preview estimate": _PLAN,
    "rm remove delete prune clean": _PRUNE,
    "resume continue retry": _RESUME,
    "ls list du stat info count": "`streammerge inspect` says what is in prefixes",
    "check cmp compare diff validate": "`streammerge verify` compares the destination with the sources",
    "get fetch download": "`streammerge pull` brings a merged set to this machine",
    "journal journals log progress": "`streammerge status` tells from the journals how jobs stand",
    "help": "`streammerge --help` lists the verbs, `streammerge VERB --help` the options of one",
    "version": "It is `streammerge --version`",
}
_OPTIONS = {
    _DRY: _PLAN,
    "--delete --delete-after --delete-before --delete-excluded --remove --mirror": _PRUNE,
    _TO: "--into names the destination of merge and plan",
    "-o --output --format": (
        "--into names the destination, --json prints the report as JSON, --html FILE writes it as a page"
    ),
    "-f --force --overwrite": _OVERWRITE,
    "-j -p -t --jobs --parallel --threads --workers --numworkers --transfers": _CONCURRENCY,
    "-r -R --recursive": "All that is below a prefix is taken, always",
    "--include --exclude --filter": _FILTER,
    "--resume --continue": _RESUME,
    "-y --assume-yes": "--yes answers the question of `streammerge merge --prune`",
    "--sse": "--encryption says how the copies are encrypted",
    "--sse-kms-key-id": "--kms-key names the key to encrypt the copies with",
    "--silent --no-progress": "-q shows no progress",
    "--debug": "-v says which requests are tried again, and why",
}
_OPTIONS_OF_VERB = {
    "inspect": {f"{_TO} --into": "inspect has no destination: give it prefixes alone; `streammerge plan` has --into"},
    "plan": {"--prune --yes": "--prune is an option of merge; plan reports the same objects as Extra"},
    "pull": {
        f"{_TO} -o --output --into": _DIRECTORY,
        _DRY: "`streammerge inspect` says what there is to pull; what is in DIR, and right, is not downloaded again",
    },
}


def of_verb(word: str, verbs: Iterable[str]) -> str:
    """What to do instead of calling streammerge with a verb that it has not."""
    if "://" in word or word.endswith(".toml"):
        return "Say first what to do with it, as in `streammerge plan SOURCE ... --into DESTINATION`"
    known = list(verbs)
    return _ours(word.lower(), _VERBS) or _nearest(word, known) or f"There are {', '.join(known)}"


def of_option(name: str, verb: str, options: Mapping[str, Sequence[str]]) -> str:
    """What to do instead of giving a verb an option that it has not.

    verb: "" for streammerge itself. options: what each verb has.
    """
    elsewhere = [other for other in options if name in options[other]]
    return (
        _ours(name, _OPTIONS_OF_VERB.get(verb, {}))
        or _ours(name, _OPTIONS)
        or _elsewhere(name, verb, elsewhere)
        or _nearest(name, options[verb])
        or f"`{' '.join(filter(None, ('streammerge', verb)))} --help` lists all"
    )


def _ours(word: str, table: dict[str, str]) -> str:
    return next((hint for words, hint in table.items() if word in words.split()), "")


def _elsewhere(name: str, verb: str, others: Sequence[str]) -> str:
    if not others:
        return ""
    if not verb:
        return f"Options stand after the verb, as in `streammerge {others[0]} ... {name}`"
    return f"It is an option of {' and '.join(others)}"


def _nearest(word: str, known: Iterable[str]) -> str:
    """Those that begin so, for who typed half of a name; else those that look alike."""
    names = {name.lstrip("-"): name for name in known if len(name) > len("-x")}  # a short one looks like any other
    bare = word.lstrip("-")
    found = [name for name in names if name.startswith(bare)] or difflib.get_close_matches(bare, names, cutoff=_NEAR)
    return f"Did you mean {' or '.join(names[name] for name in found)}?" if found else ""
