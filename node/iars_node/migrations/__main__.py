"""Write a new step: `python -m iars_node.migrations "Add the table of sites"`."""

from __future__ import annotations

import sys

from iars_node.migrations.steps import write_step

if len(sys.argv) != 2:  # noqa: PLR2004 - the program's name and one title
    sys.exit('usage: python -m iars_node.migrations "What the step adds, in words"')
for path in write_step(sys.argv[1]):
    print(path)  # noqa: T201 - the answer to the person who asked
