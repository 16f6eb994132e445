"""``python -m taskfusion``."""

from taskfusion.cli import main

main()
