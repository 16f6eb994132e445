def content(raw): return {}
