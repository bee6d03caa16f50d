"""``python -m oneliner`` is ``oneliner``."""

from __future__ import annotations

from oneliner.cli import main

if __name__ == "__main__":
    main()
