"""A web view of the browser tests' plant in which one has to log in."""

from __future__ import annotations

from pathlib import Path

from ironstream.web.auth.principal import Role
from ironstream.web.auth.token_file import add_token
from ironstream.web.auth.tokens import make_token
from tests.support.browser import Page
from tests.support.browser_plant import BrowserPlant


class GuardedWeb:
    """Tokens are made as tests need them, and taken back all at once."""

    def __init__(self, plant: BrowserPlant) -> None:
        self.file: Path = plant.folder / "tokens.yaml"
        self.token("first", Role.OPERATOR)
        self.process, self.address = plant.start_another_web(
            {"IRONSTREAM_WEB_TOKENS": str(self.file), "IRONSTREAM_DATA_DIR": str(plant.folder / "guarded")}
        )

    def token(self, name: str, role: Role, tenants: list[str] | None = None) -> str:
        """A new token."""
        token, entry = make_token(name, [role], tenants, None)
        add_token(self.file, entry)
        return token

    def take_all_back(self) -> None:
        """No token holds any more."""
        self.file.write_text("# none\n")


def log_in(page: Page, token: str) -> None:
    """Enter a token where the page asks for it."""
    page.fill("input[name=token]", token)
    page.click("form.login .primary")
