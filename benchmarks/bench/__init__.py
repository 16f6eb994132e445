"""`make bench`: sections that each measure something, and one page made of what they wrote."""
