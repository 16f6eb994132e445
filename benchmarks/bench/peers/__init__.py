"""Fusing against what people would use instead, on the same frozen task outputs."""
