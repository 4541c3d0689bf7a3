"""Messages for wrong arguments, each with what to write instead."""

import click

_KINDS = {"a valid integer": "a whole number", "a valid float": "a number"}  # as click and as `settings` name them


def explain(error: click.ClickException) -> str:
    """The message for an error of click's, with the usage of the command where an argument is missing or too many."""
    match error:
        case click.MissingParameter():
            return f"{_parameter(error)} is missing{_usage(error)}"
        case click.BadParameter():
            message = error.message.removesuffix(".")
            for theirs, ours in _KINDS.items():
                message = message.replace(theirs, ours)
            return f"{_parameter(error)}: {message}"
        case click.BadOptionUsage():
            return f"{error.option_name} {'needs a' if 'requires' in error.message else 'takes no'} value"
        case click.UsageError(message=message) if message.startswith("Got unexpected extra argument"):
            return f"unexpected argument {message.partition('(')[2].rstrip(')')}{_usage(error)}"
    return error.format_message()


def _parameter(error: click.BadParameter) -> str:
    assert error.param is not None, "click fills it in"
    assert error.ctx is not None, "click fills it in"
    return error.param.opts[0] if isinstance(error.param, click.Option) else error.param.make_metavar(error.ctx)


def _usage(error: click.UsageError) -> str:
    return "" if error.ctx is None else f". {error.ctx.get_usage()}"
