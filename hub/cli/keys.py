"""Verbs for the keys by which the hub proves itself to partners, and to the identity provider: make a pair."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from hub.cli.ground import main
from hub.errors import HubError


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--kid", required=True, help="The key's id: what the other side finds it by; another for each new key.")
@click.option("--alg", type=click.Choice(["ES256", "RS512", "PS256"]), default="ES256", show_default=True,
              help="By what it signs; NHS England asks for RS512.")  # fmt: skip
def key(file: Path, kid: str, alg: str) -> None:
    r"""
    Make a key by which the hub signs for tokens: its private half goes to FILE, its public half is printed.

    \b
      hub key /run/secrets/chis.jwk --kid hub-2026 --alg RS512 > for-chis.jwks.json

    Give what is printed to the other side, and name FILE in HUB_<AGENCY>_<STREAM>_CLIENT_JWK_FILE, or in
    HUB_OIDC_CLIENT_JWK_FILE. To change a key, make another under another id, have it registered beside the first, and
    name its file; then have the first one taken away.
    """
    from joserfc.jwk import ECKey, KeyParameters, RSAKey  # noqa: PLC0415

    said: KeyParameters = {"kid": kid, "alg": alg, "use": "sig"}
    made = ECKey.generate_key("P-256", said) if alg == "ES256" else RSAKey.generate_key(3072, said)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            json.dump(made.as_dict(private=True), opened)
    except FileExistsError:
        raise HubError(f"{file} is there already: nothing is written over; name another file") from None
    except OSError as error:
        raise HubError(f"{file}: {error.strerror}") from None
    click.echo(json.dumps({"keys": [made.as_dict(private=False)]}, indent=2))
