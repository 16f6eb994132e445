"""Task models: the contract, and the ready-made ones."""
