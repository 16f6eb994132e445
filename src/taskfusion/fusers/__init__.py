"""Fusers: the contract, and the ready-made ones."""
