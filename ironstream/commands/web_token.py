"""`ironstream web token`: tokens by which people or programs log in to the web view."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ironstream.commands.options import DataDirOption, OutputOption, length_of, settings_of
from ironstream.commands.output import Output, err, out, print_json, print_table
from ironstream.errors import ConfigurationError
from ironstream.web.auth.principal import Role


def token(
    role: Annotated[list[Role] | None, typer.Option("--role", help="What a new one allows; repeatable.")] = None,
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", metavar="TENANT", help="What it shows; repeatable. Left out: all.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Who has it, for the audit trail; left out: its role.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="How long it holds: 8h, 90d. Left out: for ever.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Say who has one.")] = False,
    revoke: Annotated[str | None, typer.Option(metavar="NAME", help="Take one back, by its name or id.")] = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a token and print it, once: only its hash is kept, in IRONSTREAM_WEB_TOKENS or in the data folder.

    A web view that runs knows it at once. One that is taken back ends the sessions that began with it.

    Examples:

      ironstream web token --role operator --name panel-3

      ironstream web token --role engineer --tenant acme --expires 90d

      ironstream web token --list

      ironstream web token --revoke panel-3
    """
    if [bool(role), list_, revoke is not None].count(True) != 1:
        raise ConfigurationError("It is not told what to do.", "Give one of --role, --list and --revoke.")
    settings = settings_of(data_dir=data_dir)
    # msgspec's YAML and the settings of the login are costly to import, which every other command would pay for
    from ironstream.web.auth.settings import load_auth_settings
    from ironstream.web.auth.tokens import FILE_NAME

    path = load_auth_settings().tokens or settings.data_dir / FILE_NAME
    if role:
        until = None if expires is None else datetime.now(UTC) + length_of(expires)
        _make(path, name or role[0].value, role, tenant, until, output)
    elif revoke is not None:
        _revoke(path, revoke)
    else:
        _list(path, output)


def _make(
    path: Path, name: str, roles: list[Role], tenants: list[str] | None, until: datetime | None, output: Output
) -> None:
    from ironstream.web.auth.token_file import add_token
    from ironstream.web.auth.tokens import make_token

    made, entry = make_token(name, roles, tenants or None, until)
    add_token(path, entry)
    if output is Output.JSON:
        print_json({"token": made, "id": entry.id, "name": entry.name, "file": str(path)})
        return
    sys.stdout.write(made + "\n")
    seen = "all tenants" if entry.tenants is None else ", ".join(entry.tenants)
    err().print(f"{entry.name} ({', '.join(entry.roles)}, {seen}): its hash is in {path}", markup=False)
    err().print("It is shown this once: keep it where secrets are kept.", style="yellow")


def _revoke(path: Path, named: str) -> None:
    from ironstream.web.auth.token_file import remove_token
    from ironstream.web.auth.tokens import read_tokens

    entries = read_tokens(path)
    found = [one for one in entries if one.id == named] or [one for one in entries if one.name == named]
    if not found:
        raise ConfigurationError(f"No token is named {named}.", "`ironstream web token --list` names them.")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise ConfigurationError(f"{len(found)} tokens are named {named}.", f"Give the id of one: {ids}.")
    remove_token(path, found[0].id)
    out().print(f"{found[0].name} ({found[0].id}) is taken back.", markup=False)


def _list(path: Path, output: Output) -> None:
    from ironstream.web.auth.tokens import read_tokens

    entries = read_tokens(path) if path.exists() else []
    if output is Output.JSON:
        print_json(
            [
                {"id": one.id, "name": one.name, "roles": one.roles, "tenants": one.tenants,
                 "expires": None if one.expires is None else one.expires.isoformat(), "created": one.created}
                for one in entries
            ]
        )  # fmt: skip
        return
    rows = [
        (one.name, ", ".join(one.roles), ", ".join(one.tenants or ["all"]),
         "never" if one.expires is None else f"{one.expires.astimezone(UTC):%Y-%m-%d %H:%M}", one.id)
        for one in entries
    ]  # fmt: skip
    print_table(f"Tokens in {path}", ("name", "roles", "tenants", "expires (UTC)", "id"), rows)
