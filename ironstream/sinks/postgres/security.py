"""Who may read what: row-level security by tenant, and the rights of the reader's role. Its SQL; pure."""

from __future__ import annotations

from typing import Final

from ironstream.sinks.postgres.statements import quoted

SETTING: Final = "ironstream.tenant"
POLICY: Final = "one_tenant"
UNPROTECTED: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND NOT c.relrowsecurity
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
"""
"""Tables of a schema ($1) that hold rows of tenants and show them to whoever may read the table."""


def protect(schema: str, table: str) -> list[str]:
    """Shows every role but the owner the rows of the tenant that its setting names, and none without one."""
    name = quoted(schema, table)
    return [
        f"CREATE POLICY {POLICY} ON {name} FOR SELECT USING (tenant_id = current_setting('{SETTING}', true))",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
    ]


def let_read(schema: str, role: str) -> list[str]:
    """Lets a role read what is there and what will be; partitions only through their tables."""
    return [f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)}"]


READABLE: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
      AND NOT has_table_privilege($2, c.oid, 'SELECT')
"""
"""Tables and views of a schema ($1) that a role ($2) may not read yet."""


def let_read_table(schema: str, table: str, role: str) -> str:
    """Lets a role read one table or view."""
    return f"GRANT SELECT ON {quoted(schema, table)} TO {quoted(role)}"
