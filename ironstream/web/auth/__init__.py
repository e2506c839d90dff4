"""Who asks, what they may do, and what is written of it: tokens, OpenID Connect, sessions, limits, audit."""

from ironstream.web.auth.principal import EVERYTHING, Principal, Role

__all__ = ["EVERYTHING", "Principal", "Role"]
