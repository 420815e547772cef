"""`iars token`: access for the organisation's own systems."""

from datetime import timedelta
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.session import Session
from iars_node.accounts import credential_store, tokens
from iars_node.accounts.access import ACTIONS, TABLE
from iars_node.accounts.model import Token
from iars_protocol.vocabulary import SCOPES

COLUMNS = {
    "id": "Token",
    "label": "Used by",
    "actions": "May",
    "scopes": "Reads",
    "expires_at": "Until",
    "state": "State",
}
ALLOWED = sorted(ACTIONS - TABLE.people_only)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    token = group(app, "token", "Access tokens of the organisation's own systems.")
    added = ('iars token add "Statistics" --action case.search --action case.read --scope demographics',)
    command(token, "add", examples=added)(add)
    command(token, "list", examples=("iars token list",))(list_tokens)
    command(token, "revoke", examples=("iars token revoke 5f0c...",))(revoke)


def add(
    session: Session,
    label: Annotated[str, typer.Argument(help="Which system uses it.")],
    action: Annotated[
        list[str], typer.Option(help=f"What it may do; can be repeated: {', '.join(ALLOWED)}.")
    ],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"What it may read; can be repeated: {', '.join(SCOPES)}.")
    ] = None,
    days: Annotated[int, typer.Option(help="For how many days.", min=1, max=400)] = 90,
) -> None:
    """Make a token. Its secret is shown once, here, and stored nowhere."""
    wanted = tokens.WantedToken(label, frozenset(action), frozenset(scope or ()), timedelta(days=days))
    with session.work("token.manage") as work:
        made = tokens.create_token(work, wanted)
        entry = described(made.token, "valid")
    session.screen.done(
        f"The token's secret, shown only now:\n{made.secret}", entry | {"secret": made.secret}
    )


def list_tokens(session: Session) -> None:
    """List every token, without its secret."""
    with session.work("token.manage") as work:
        found = [
            described(
                one, "revoked" if one.revoked_at else "expired" if work.now >= one.expires_at else "valid"
            )
            for one in credential_store.tokens(work.connection)
        ]
    session.screen.show_list(found, COLUMNS, none="There is no token.")


def revoke(session: Session, token: Annotated[str, typer.Argument(help="The token's id.")]) -> None:
    """Revoke a token; from now on nobody gets in with it."""
    with session.work("token.manage") as work:
        tokens.revoke_token(work, token)
    session.screen.done("The token is revoked.", {"id": token, "state": "revoked"})


def described(token: Token, state: str) -> dict[str, object]:
    """Return a token as it is shown: never its secret."""
    return {
        "id": token.id,
        "label": token.label,
        "actions": sorted(token.actions),
        "scopes": sorted(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "state": state,
    }
