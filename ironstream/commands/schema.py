"""`ironstream schema`: what an editor completes and checks topology.yaml by."""

from __future__ import annotations

import sys


def schema() -> None:
    """Print the JSON Schema of topology.yaml, with what every adapter and every kind of sink takes.

    Editors with a YAML language server complete, describe and check by it: the first line of topology.yaml, and of each
    file that it includes, says where it is: `# yaml-language-server: $schema=topology.schema.json`.

    Examples:

      ironstream schema > topology.schema.json
    """
    # the models of adapters and sinks are costly to import, which every other command would pay for
    from ironstream.commands.reference import schema_text

    sys.stdout.write(schema_text())
