"""Does anybody learn a name or a password that plain pip would not have told them?

The rule: each row plays a whole world with one thing out of order, lets plain pip
go first and the armed one after it, and then looks at every request of every
host. What plain pip tells nobody is told to nobody but to the spares that were
declared; what it does not install is not installed.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable

import pytest

from tests.end_to_end.confusion import (
    BAIT,
    BUILT_IN,
    CORP,
    CORP_FILES,
    DECLARED,
    FILES,
    INDEX,
    MIRROR,
    NAMED,
    PRIVATE,
    PRIVATE_NAME,
    PUBLIC_NAME,
    RIGHT,
    SPARE,
    TUNA,
    World,
    played_world,
)
from tests.end_to_end.environments import environment_of, our_lines
from tests.end_to_end.interpreters import pip_matrix
from tests.end_to_end.played_pypi import INDEX_URL
from tests.end_to_end.test_credentials import KEYRING_MODULE, SECRET, USER
from tests.faults import Authority, FaultServer, HangUp, Status, redirect

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment
    from tests.faults import Request, Scripted

TUNA_HOST = "pypi.tuna.tsinghua.edu.cn"
WITH_LOGIN = PRIVATE.replace("://", f"://{USER}:{SECRET}@")
OTHER_SECRET = "correct-horse"
PUBLIC = (MIRROR, *BUILT_IN)
CHALLENGE = (("WWW-Authenticate", 'Basic realm="corp"'),)

ALONE = ("--index-url", PRIVATE)
BESIDE = ("--extra-index-url", PRIVATE)
MAIN = ("--index-url", PRIVATE, "--extra-index-url", INDEX_URL)


@dataclass(frozen=True)
class Row:
    """One world.

    Attributes:
        id: What is out of order.
        options: pip's, apart from what it downloads.
        arrange: Puts it out of order.
        mirrors: PIP_RESILIENT_MIRRORS; None: not set.
        wants: What pip is to download.
        gets: What must come: `right` (the honest file of that name), `bait` or nothing.
        told: Who may learn the private name, beside those whom plain pip tells.
        asked: Who must have been asked.
        untouched: Who must not have been asked anything at all.
        secrets: Who may learn a secret.
        env: Further variables; `{home}` is the home, `{proxy}` the proxy's host and port.
        both: Whether both ends of the matrix are tried, and not one of them in turn.
        files: Written before, by their path under the home, the first level being
            the current folder for `work/…`.
    """

    id: str
    options: tuple[str, ...]
    arrange: Callable[[World], None] = lambda _: None
    mirrors: str | None = NAMED
    wants: str = PRIVATE_NAME
    gets: str = ""
    told: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    untouched: tuple[str, ...] = PUBLIC
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    both: bool = False
    files: dict[str, str] = field(default_factory=dict)


def _down(*names: str) -> Callable[[World], None]:
    return lambda world: world.down(*names)


def _answers(name: str, *faults: Scripted | Status | HangUp) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        world.server(name).script = list(faults)

    return arrange


def _all(*steps: Callable[[World], None]) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        for step in steps:
            step(world)

    return arrange


def _bait(*names: str) -> Callable[[World], None]:
    return lambda world: world.bait(*names)


def _is_stranger(request: Request) -> bool:
    return not (request.header("Authorization") or "").startswith("Basic ")


LOCKED = Status(401, headers=CHALLENGE).when(matching=_is_stranger)
EVERYWHERE = _bait(INDEX, MIRROR, *BUILT_IN)


def _trouble(name: str) -> dict[str, Callable[[World], None]]:
    return {
        "down": _down(name),
        "reset": _answers(name, HangUp()),
        **{str(status): _answers(name, Status(status)) for status in (401, 403, 404, 410, 503)},
    }


def _private_index_alone() -> list[Row]:
    """Its trouble is no reason to ask anybody else, whoever was named for PyPI."""
    return [
        Row(f"private alone {what}", ALONE, _all(EVERYWHERE, trouble), untouched=(*PUBLIC, INDEX))
        for what, trouble in _trouble(CORP).items()
    ]


def _private_index_beside_pypi() -> list[Row]:
    """Plain pip asks PyPI as well, and takes what it finds there: no mirror is asked."""
    rows = []
    for what, trouble in _trouble(CORP).items():
        rows.append(Row(f"private extra {what}", BESIDE, _all(_bait(MIRROR, *BUILT_IN), trouble)))
    for what in ("404", "503"):
        lets = _all(_bait(MIRROR, *BUILT_IN), _trouble(INDEX)[what], _down(CORP))
        untouched = PUBLIC if what == "404" else tuple(BUILT_IN)
        asked = () if what == "404" else (MIRROR,)
        told = () if what == "404" else (MIRROR,)
        gets = "" if what == "404" else "bait"
        name = f"private main down, PyPI {what}"
        rows.append(Row(name, MAIN, lets, untouched=untouched, asked=asked, told=told, gets=gets))
    return rows


def _pypi_out_of_order() -> list[Row]:
    """The mirrors that were named stand in for PyPI and for nothing else."""
    only_files = f"files:{NAMED}"
    demo = replace(Row("", ()), wants=PUBLIC_NAME)
    return [
        Row("PyPI 404, private main", MAIN, _bait(MIRROR), gets="right"),
        Row("PyPI down, unnamed", BESIDE, _down(INDEX), mirrors=None, gets="right"),
        Row("PyPI down, files only", BESIDE, _down(INDEX), mirrors=only_files, gets="right"),
        Row("PyPI down, none", BESIDE, _down(INDEX), mirrors="none", gets="right"),
        replace(
            demo,
            id="PyPI's files down, private extra, unnamed",
            options=BESIDE,
            arrange=_down(FILES),
            mirrors=None,
        ),
        replace(
            demo,
            id="PyPI's files down, private extra, named",
            options=BESIDE,
            arrange=_down(FILES),
            gets="right",
            asked=(MIRROR,),
            untouched=tuple(BUILT_IN),
        ),
        replace(
            demo,
            id="PyPI's files down, private extra in a requirements file",
            both=True,
            options=("-r", "more.txt"),
            files={"work/more.txt": f"--extra-index-url {PRIVATE}\n"},
            arrange=_down(FILES),
            mirrors=None,
        ),
        replace(
            demo,
            id="PyPI's files down, no index",
            options=("--no-index", "--find-links", f"{INDEX_URL}demo/"),
            arrange=_down(FILES),
            mirrors=None,
        ),
        replace(
            demo,
            id="PyPI's files down, unnamed",
            options=(),
            arrange=_down(FILES),
            mirrors=None,
            gets="right",
            untouched=(MIRROR,),
            env={"PIP_USER_AGENT_USER_DATA": OTHER_SECRET},
            secrets={OTHER_SECRET: (INDEX, FILES)},
        ),
        replace(
            demo,
            id="PyPI down, mirrors of the current folder",
            both=True,
            options=(),
            arrange=_down(INDEX, FILES),
            mirrors=None,
            files={
                "work/pip.conf": f"[global]\nresilient-mirrors = {NAMED}\n",
                "work/pyproject.toml": f'[tool.pip-resilient]\nmirrors = "{NAMED}"\n',
                "work/.env": f"PIP_RESILIENT_MIRRORS={NAMED}\n",
            },
        ),
    ]


def _own_public_mirror() -> list[Row]:
    """A full mirror as the user's own index, with a private one beside it."""
    both = ("--index-url", TUNA, *BESIDE)
    untouched = tuple(one for one in PUBLIC if one != TUNA_HOST)
    demo = replace(Row("", ()), wants=PUBLIC_NAME, untouched=untouched)
    return [
        Row("own mirror 404", both, gets="right", untouched=(*untouched, INDEX)),
        Row(
            "own mirror 503",
            both,
            _answers(TUNA_HOST, Status(503)),
            gets="right",
            mirrors=None,
            untouched=(*untouched, INDEX),
        ),
        Row(
            "own mirror 403",
            both,
            _all(_bait(INDEX), _answers(TUNA_HOST, Status(403))),
            mirrors="none",
            gets="right",
            untouched=(*untouched, INDEX),
        ),
        replace(
            demo,
            id="own mirror 503, alone",
            options=("--index-url", TUNA),
            arrange=_answers(TUNA_HOST, Status(503)),
            mirrors=None,
            gets="right",
            asked=(INDEX,),
        ),
    ]


def _declared_spare() -> list[Row]:
    """It stands in for one index, with what was given for it."""
    login = {SECRET: (CORP,), OTHER_SECRET: (SPARE,)}
    spare = DECLARED.replace(f"//{SPARE}", f"//jim:{OTHER_SECRET}@{SPARE}")
    spare_alone = Row("", ("--index-url", WITH_LOGIN), mirrors=f"{spare} {NAMED}", secrets=login)
    return [
        replace(
            spare_alone,
            id="private down, spare",
            both=True,
            arrange=_all(EVERYWHERE, _down(CORP, CORP_FILES), _answers(SPARE, LOCKED)),
            gets="right",
            told=(SPARE,),
        ),
        replace(
            spare_alone,
            id="private files down, spare",
            arrange=_all(EVERYWHERE, _down(CORP_FILES), _answers(SPARE, LOCKED)),
            gets="right",
            told=(SPARE,),
        ),
        replace(
            spare_alone,
            id="private 404, spare",
            arrange=_all(EVERYWHERE, _answers(CORP, Status(404))),
            untouched=(*PUBLIC, SPARE, INDEX),
        ),
        replace(
            spare_alone,
            id="private 401, spare",
            arrange=_all(EVERYWHERE, _answers(CORP, Status(401))),
            untouched=(*PUBLIC, SPARE, INDEX),
        ),
        replace(
            spare_alone,
            id="private and spare down",
            arrange=_all(EVERYWHERE, _down(CORP, SPARE)),
            untouched=(*PUBLIC, INDEX),
        ),
        replace(
            spare_alone,
            id="the spare redirects to somebody else",
            arrange=_all(
                EVERYWHERE,
                _down(CORP),
                _answers(SPARE, redirect(f"https://{CORP_FILES}/simple/corplib/").when("/simple/")),
            ),
            told=(SPARE, CORP_FILES),
        ),
        replace(
            spare_alone,
            id="the spare redirects back",
            arrange=_all(
                EVERYWHERE,
                _answers(CORP, Status(503)),
                _answers(SPARE, redirect(f"{PRIVATE}corplib/").when("/simple/")),
            ),
            told=(SPARE,),
        ),
        replace(
            spare_alone,
            id="PyPI down, the spare is not PyPI's",
            options=("--extra-index-url", WITH_LOGIN),
            mirrors=spare,
            arrange=_down(INDEX),
            gets="right",
            untouched=(*PUBLIC, SPARE),
        ),
    ]


def _secrets() -> list[Row]:
    """What was given for one host stays with it, whoever else is asked meanwhile."""
    pypi_down = _all(_down(INDEX, FILES), _answers(CORP, LOCKED), _answers(CORP_FILES))
    corp = {SECRET: (CORP,)}
    demo = Row(
        "",
        ("--extra-index-url", WITH_LOGIN),
        pypi_down,
        wants=PUBLIC_NAME,
        gets="right",
        asked=(MIRROR,),
        untouched=tuple(BUILT_IN),
        secrets=corp,
    )
    netrc = f"machine {CORP} login {USER} password {SECRET}\n"
    cookie = Status(503, headers=(("Set-Cookie", f"session={SECRET}; Domain=test; Path=/"),))
    with_login = NAMED.replace("://", f"://jim:{OTHER_SECRET}@")
    away = redirect(f"https://{CORP_FILES}/away.whl").when("*.whl*")
    return [
        replace(demo, id="a login in the URL"),
        replace(
            demo,
            id="a login in netrc",
            both=True,
            options=BESIDE,
            files={".netrc": netrc},
            env={"NETRC": "{home}/.netrc"},
        ),
        replace(
            demo,
            id="a login in the keyring",
            both=True,
            options=("--extra-index-url", PRIVATE.replace("://", f"://{USER}@")),
            files={"keyring/keyring.py": KEYRING_MODULE},
            env={"PYTHONPATH": "{home}/keyring", "PIP_NO_INPUT": "0"},
        ),
        replace(demo, id="cookies", arrange=_all(pypi_down, _answers(CORP, cookie))),
        replace(
            demo,
            id="a login for the mirror",
            options=(),
            mirrors=with_login,
            secrets={OTHER_SECRET: (MIRROR,)},
        ),
        replace(
            demo,
            id="the mirror redirects to somebody else",
            options=(),
            mirrors=f"files:{with_login}",
            arrange=_all(_down(FILES), _answers(MIRROR, away)),
            gets="",
            secrets={OTHER_SECRET: (MIRROR,)},
        ),
        replace(
            demo,
            id="what the user tells by the User-Agent",
            options=(),
            arrange=_down(FILES),
            env={"PIP_USER_AGENT_USER_DATA": OTHER_SECRET},
            secrets={OTHER_SECRET: (INDEX, FILES)},
        ),
        replace(
            demo,
            id="the same, where pip itself asks the mirror",
            both=True,
            options=(),
            arrange=_down(INDEX, FILES),
            env={"PIP_USER_AGENT_USER_DATA": OTHER_SECRET},
            secrets={OTHER_SECRET: (INDEX, FILES)},
        ),
        replace(
            demo,
            id="a login for the proxy",
            options=(),
            arrange=_all(_down(INDEX, FILES), _locked_proxy),
            env={"HTTPS_PROXY": f"http://{USER}:{SECRET}@{{proxy}}"},
            secrets={SECRET: ()},
        ),
        replace(
            demo,
            id="a client certificate",
            options=("--client-cert", "client.pem"),
            arrange=_all(_wants_certificate(INDEX), _wants_certificate(FILES)),
            asked=(FILES,),
            untouched=PUBLIC,
        ),
        replace(
            demo,
            id="no client certificate for the mirror",
            options=("--client-cert", "client.pem"),
            arrange=_all(_down(FILES), _wants_certificate(MIRROR)),
            gets="",
        ),
        replace(
            demo,
            id="a signed query",
            options=("--find-links", f"https://{CORP}/links/"),
            arrange=_all(_down(INDEX, FILES), _signed),
            wants=PRIVATE_NAME,
            gets="",
            told=(MIRROR,),
            secrets={SECRET: (CORP, CORP_FILES)},
        ),
    ]


def _locked_proxy(world: World) -> None:
    world.pypi.proxy._require = (USER, SECRET)


def _wants_certificate(name: str) -> Callable[[World], None]:
    """Let a host answer only those who show a certificate of the test's authority."""

    def arrange(world: World) -> None:
        context = world.server(name)._context
        world.pypi.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    return arrange


def _signed(world: World) -> None:
    """Let a page of links name a file by a signed URL whose host does not deliver."""
    held = world.corp.distributions[0]
    page = f'<a href="{held.url}?signature={SECRET}#sha256={held.sha256}">{held.filename}</a>'
    world.server(CORP).put("/links/", page.encode(), content_type="text/html")
    world.server(CORP_FILES).script = [Status(503)]


def _other_hosts() -> list[Row]:
    """Links pages and direct URLs: the host that was asked, and nobody else."""
    look_alike = Row(
        "a private file host with PyPI's paths",
        ALONE,
        _all(EVERYWHERE, _down(CORP_FILES)),
        mirrors=None,
        untouched=(*PUBLIC, INDEX, FILES),
    )
    return [
        look_alike,
        replace(look_alike, id="the same, with a named mirror", mirrors=NAMED),
        Row(
            "links page down",
            ("--no-index", "--find-links", f"https://{CORP}/simple/corplib/"),
            _all(EVERYWHERE, _down(CORP)),
            untouched=(*PUBLIC, INDEX, FILES),
        ),
        Row(
            "a direct URL",
            (),
            _all(EVERYWHERE, _down(CORP_FILES)),
            wants=f"https://{CORP_FILES}/corplib-1.0-py3-none-any.whl",
            untouched=(*PUBLIC, INDEX, FILES),
        ),
        Row(
            "a private page redirects to the mirror's",
            ALONE,
            _all(
                _bait(MIRROR),
                _answers(CORP, redirect(f"{NAMED}corplib/").when("/simple/")),
                _answers(MIRROR, Status(503)),
            ),
            untouched=(*BUILT_IN, INDEX),
        ),
        Row(
            "trusted-host of PyPI does not trust a mirror's certificate",
            ("--trusted-host", INDEX, "--trusted-host", FILES),
            _all(_down(INDEX, FILES), _false_certificate),
            wants=PUBLIC_NAME,
            untouched=tuple(BUILT_IN),
        ),
    ]


def _false_certificate(world: World) -> None:
    """Let the mirror show a certificate that nobody who is trusted has signed."""
    false = FaultServer(tls=Authority(), names=[MIRROR])
    world.pypi._open.enter_context(false)
    world.pypi.proxy.routes[MIRROR, 443] = ("127.0.0.1", false.port)


ROWS = [
    *_private_index_alone(),
    *_private_index_beside_pypi(),
    *_pypi_out_of_order(),
    *_own_public_mirror(),
    *_declared_spare(),
    *_secrets(),
    *_other_hosts(),
]
_ENDS = (pip_matrix()[0], pip_matrix()[-1])


def _log(environment: Environment) -> str:
    path = environment.home / "events"
    return path.read_text() if path.exists() else ""


def _run(row: Row, world: World, environment: Environment, *, armed: bool) -> str:
    """Let pip go; return what it brought: `right`, `bait` or nothing."""
    places = {"home": environment.home, "proxy": f"127.0.0.1:{world.pypi.proxy.port}"}
    env = {name: value.format(**places) for name, value in row.env.items()}
    env["PIP_RESILIENT_PATIENCE"] = "10" if row.gets else "2" if row.asked else "1"
    env["PIP_RESILIENT_LOG"] = str(environment.home / "events")
    if row.mirrors is not None:
        env["PIP_RESILIENT_MIRRORS"] = row.mirrors
    world.pypi.authority.write_client_to(environment.work / "client.pem")
    for name, text in row.files.items():
        path = environment.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="ascii")
        path.chmod(0o600)
    plain = () if armed else ("--retries", "0", "--timeout", "3")
    download = ("download", "--no-deps", "--dest", "out", *row.options, *plain, row.wants)
    done = world.pypi.pip(environment, *download, armed=armed, by_options=False, env=env)
    told = "".join(our_lines(done.stderr)) + _log(environment)
    assert not [secret for secret in (SECRET, OTHER_SECRET) if secret in told]
    assert "standing aside" not in done.stderr, done.stderr
    if done.returncode:
        return ""
    brought = [path.read_bytes() for path in (environment.work / "out").iterdir()]
    known = {BAIT: "bait", RIGHT: "right", world.pypi.index.distributions[0].content: "right"}
    return known[brought[0]]


def _params() -> list[object]:
    found = []
    for number, row in enumerate(ROWS):
        for cell in _ENDS if row.both else (_ENDS[number % 2],):
            marks = () if cell.interpreter else pytest.mark.skip("no such Python")
            found.append(pytest.param(row, cell, id=f"{row.id}, {cell.id}", marks=marks))
    return found


@pytest.mark.parametrize(("row", "cell"), _params())
def test_nobody_learns_what_is_not_theirs(row: Row, cell: object) -> None:
    environment = environment_of(cell)  # type: ignore[arg-type]
    with played_world() as world:
        row.arrange(world)
        plain = _run(row, world, environment.with_fresh_home(), armed=False)
        told_by_plain = world.who_knows(PRIVATE_NAME)
        world.forget()
        armed = _run(row, world, environment.with_fresh_home(), armed=True)

        assert armed == row.gets
        assert armed in (plain, "right") or MIRROR in row.told
        assert world.who_knows(PRIVATE_NAME) <= told_by_plain | set(row.told)
        assert world.asked() >= set(row.asked)
        assert not world.asked() & set(row.untouched)
        for secret, theirs in row.secrets.items():
            assert world.who_knows(secret) <= set(theirs)
