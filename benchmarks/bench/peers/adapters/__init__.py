"""One file a peer: what its user writes, between the two marks that the line count goes by."""
