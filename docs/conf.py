"""How the pages are built: offline, from this folder and the docstrings. `make docs` is the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import taskfusion

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
os.environ["TASKFUSION_BLOCK_PLUGINS"] = "*"  # the pages are about the library, whatever else is installed

project = "taskfusion"
version = release = taskfusion.__version__
author = "the authors of taskfusion"
project_copyright = "Apache-2.0. Not a medical device."
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_line", "docstrings"]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = f"taskfusion {release}"
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"

myst_enable_extensions = ["fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attrs classes list their fields in the docstring of the class
napoleon_attr_annotations = False  # the signature has the types
napoleon_use_rtype = False
maximum_signature_line_length = 90

# A dead :meth: or :func: in a docstring is an error. Classes are not held to it: most are other libraries', whose pages
# are not fetched; but a "class" of several words is a Returns section that was read as a type.
nitpicky = True
nitpick_ignore_regex = [(r"py:(class|exc|obj)", r"\S+")]
