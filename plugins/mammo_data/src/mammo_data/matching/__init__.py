"""Find a film of one database in another by its pixels (paper II-A.2): names say nothing of it."""

from mammo_data.matching.fingerprint import Fingerprint, fingerprint_of
from mammo_data.matching.registration import Comparison, compare, map_boxes
from mammo_data.matching.search import Match, MatchConfig, find_candidates, match_films

__all__ = [
    "Comparison",
    "Fingerprint",
    "Match",
    "MatchConfig",
    "compare",
    "find_candidates",
    "fingerprint_of",
    "map_boxes",
    "match_films",
]
