"""Merge ImageFolder data sets that live in S3, server-side, without downloading them.

    job = make_job(["s3://bucket/photos/", "s3://bucket/faces/"], into="s3://bucket/merged/", min_images=2)
    report = await merge(job)

`streammerge.sync` has the same functions for code that is not asynchronous. What is public is listed in
`__init__.pyi`, and loaded when it is first used: so `import streammerge` and `streammerge --help` take milliseconds.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What is public, once it is first asked for: until then not even what finds it is loaded."""
    import lazy_loader  # noqa: PLC0415 - Ctrl-C while this is loaded would be a traceback

    find, tell, names = lazy_loader.attach_stub(__name__, __file__)
    globals().update(__getattr__=find, __dir__=tell, __all__=[*names, "__version__"])
    return globals()[name] if name in globals() else find(name)


def __dir__() -> list[str]:
    """The names of what is public."""
    return list(__getattr__("__all__"))  # type: ignore[call-overload]
