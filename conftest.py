"""For every test of the house: property tests without a clock, as the machines that run them are shared.

``TASKFUSION_EXAMPLES=2000 pytest tests/test_malformed.py`` looks at more examples than the usual hundred.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, max_examples=int(os.environ.get("TASKFUSION_EXAMPLES", "100")))
settings.load_profile("house")
