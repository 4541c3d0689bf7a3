"""Job files: what is written is read again, and what is wrong is said with the way out."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streammerge.dataset.connection import Connection
from streammerge.dataset.filter import Filter
from streammerge.dataset.job import Job, make_job
from streammerge.dataset.job_file import parse_job, parse_sources, write_job
from streammerge.dataset.layout import FOLDER, parse_layout
from streammerge.dataset.objects import Location
from streammerge.dataset.source import Source
from streammerge.errors import UsageError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
GLOB = TEXT.filter(lambda text: not text.startswith("/"))
NAME = st.text(st.characters(categories=["L", "N", "S", "P"], exclude_characters="/"), min_size=1, max_size=8).filter(
    str.isprintable
)
FILTER = st.builds(
    Filter,
    st.lists(GLOB, max_size=2).map(tuple),
    st.lists(GLOB, max_size=2).map(tuple),
    st.lists(st.sampled_from(["jpg", "png", "webp"]), unique=True).map(tuple),
)
CONNECTION = st.builds(
    Connection,
    st.sampled_from([None, "https://minio.lan:9000"]),
    st.sampled_from([None, "eu-west-1"]),
    st.sampled_from([None, "vendor"]),
    st.sampled_from([None, True, False]),
)
NAMESPACE = st.sampled_from([None, "", "ms1m-", "é b"])
LAYOUT = st.sampled_from(["folder", "{identity}_face.{ext}", '{identity}"\t\x01é.{any}', "{identity}/{name}.{ext}"])


@st.composite
def sources(draw: st.DrawFn) -> tuple[Source, ...]:
    """Sources that do not overlap, with any names, prefixes, layouts and filters."""
    names = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    found = []
    for number, name in enumerate(names):
        layout = draw(st.none() | LAYOUT.map(parse_layout))
        location = Location("bucket", f"{number}/{draw(TEXT)}/", draw(CONNECTION))
        found.append(Source(name, location, (layout or FOLDER).behind(draw(FILTER)), layout is None, draw(NAMESPACE)))
    return tuple(found)


JOBS = st.builds(
    Job,
    sources(),
    st.builds(Location, st.just("out"), st.just("") | TEXT.map(lambda text: f"{text}/"), CONNECTION),
    min_images=st.integers(1, 5),
    max_images=st.none() | st.integers(5, 9),
    collisions=st.sampled_from(["rename", "first", "error"]),
    duplicates=st.sampled_from(["name", "content", "none"]),
    if_exists=st.sampled_from(["skip-same", "overwrite"]),
)


@given(JOBS)
@example(Job((Source("a=b", Location("b1", "")),), Location("b2", "\r\n\\/")))
def test_what_is_written_is_read_again(job: Job) -> None:
    """Any job survives its file: names, odd prefixes, layouts said or assumed, filters, rules."""
    assert parse_job(write_job(job)) == job
    assert parse_sources(write_job(job)) == job.sources


def test_a_file_is_the_flags_written_down() -> None:
    """The job of a file is that of the same flags, the default names included."""
    text = """
        destination = "s3://bkt/out"
        [[sources]]
        url = "s3://bkt/photos/"
        [[sources]]
        url = "s3://bkt/faces"
        layout = "{identity}_face.{ext}"
        [rules]
        min-images = 3
    """
    flags = make_job(
        ["s3://bkt/photos/", "s3://bkt/faces/"],
        into="s3://bkt/out/",
        layouts={"faces": "{identity}_face.{ext}"},
        min_images=3,
    )
    assert parse_job(text) == flags


def test_an_extension_may_have_its_dot() -> None:
    """`.jpg` is what most tools call it."""
    assert parse_job(f'{FILE}extensions=[".jpg", "png"]') == parse_job(f'{FILE}extensions=["jpg", "png"]')


MINIMAL = '[[sources]]\nname="x"\nurl="s3://bkt/x/"\n'
FILE = f'destination="s3://bkt/o/"\n{MINIMAL}'


def test_flags_come_before_the_file() -> None:
    """Rules, layouts and the destination that are said beside the file win."""
    text = f'destination="s3://bkt/out/"\n{MINIMAL}layout="folder"\n[rules]\nmin-images=4\nmax-images=9'
    job = parse_job(text, layouts=["{identity}.{ext}"], into="s3://bkt/other/", min_images=1)
    assert (job.min_images, job.max_images, str(job.destination)) == (1, 9, "s3://bkt/other/")
    assert str(job.sources[0].layout) == "{identity}.{ext}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("destination =", "not TOML"),
        (f'destination="s3://bkt/o/\n{MINIMAL}', '): destination="s3://bkt/o/. A quotation mark is missing'),
        ("[rules]\nmin-images==2", "): min-images==2"),
        ("destination = s3://bkt/o/\n", 'Put s3://bkt/o/ in quotes: "s3://bkt/o/"'),
        (f'into="s3://bkt/o/"\n{MINIMAL}', "the job: unknown key 'into'"),
        ('endpoint-url="http://x"\n' + FILE, "'endpoint-url' belongs in a [[sources]] table, or in [destination]"),
        (FILE + "min-images=2", "source x: the key 'min-images' belongs in the table [rules]"),
        (FILE + '[rules]\nlayout="folder"', "the rules: the key 'layout' belongs in a [[sources]] table"),
        ("min-images=2\n" + FILE, "'min-images' belongs in the table [rules]"),
        (f'destinaton="s3://bkt/o/"\n{MINIMAL}', "Did you mean 'destination'?"),
        (MINIMAL, 'needs destination = "…"'),
        (f"destination=1\n{MINIMAL}", "destination must be text"),
        (FILE + 'layuot="folder"', "source x: unknown key 'layuot'. Did you mean 'layout'"),
        (FILE + "[rules]\nmin_images=2", "Did you mean 'min-images'?"),
        (FILE + '[rules]\nmin-images="2"', "min-images = '2': it must be a whole number"),
        (FILE + "[rules]\nmin-images=true", "min-images = True: it must be a whole number"),
        (FILE + "[rules]\nmin-images=0", "at least 1"),
        (FILE + '[rules]\ncollisions="merge"', "one of rename, first, error"),
        ('destination="s3://bkt/o/"\nrules=1\n' + MINIMAL, "table [rules]"),
        ('destination="s3://bkt/o/"\nsources=["s3://bkt/x/"]', "one [[sources]] table"),
        ('destination="s3://bkt/o/"', "no source: name"),
        ('destination="s3://bkt/o/"\n[[sources]]\nname="x"', 'source x needs url = "…"'),
        ('destination="s3://bkt/o/"\n[[sources]]\nurl="b/x"', "is not an S3 URL"),
        (FILE + 'exclude="tmp/*"', "exclude = 'tmp/*': it must be a list of texts"),
        (FILE + 'extensions=[".GIF"]', "extension 'gif'"),
        (FILE + 'layout="x"', "contain {identity}"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    """Where it is, what it is, and what to write instead."""
    with pytest.raises(UsageError) as raised:
        parse_job(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("chosen", "let_through"),
    [
        (Filter(), ["a/1.jpg", "a/b/2.PNG", "tmp/3.jpg"]),
        (Filter(include=("a/*",)), ["a/1.jpg", "a/b/2.PNG"]),
        (Filter(exclude=("tmp/*", "*/b/*")), ["a/1.jpg"]),
        (Filter(include=("*.jpg", "*.PNG"), exclude=("a/1.*",)), ["a/b/2.PNG", "tmp/3.jpg"]),
        (Filter(extensions=("png",)), ["a/b/2.PNG"]),
        (Filter(include=("a/*",), exclude=("*", "**", "*/b/*")), ["a/1.jpg"]),
        (Filter(exclude=("*",)), []),
        (Filter(include=("1.jpg",)), []),
        (Filter(include=("?/1.jpg", "[b-t]mp/*")), ["a/1.jpg", "tmp/3.jpg"]),
    ],
)
def test_filters(chosen: Filter, let_through: list[str]) -> None:
    """A glob crosses slashes; the rest is excluded by that name."""
    layout = FOLDER.behind(chosen)
    keys = ["a/1.jpg", "a/b/2.PNG", "tmp/3.jpg"]
    assert [key for key in keys if layout.place(key) != "excluded"] == let_through
    assert layout.filter == chosen
