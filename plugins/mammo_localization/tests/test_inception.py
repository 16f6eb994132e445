from mammo_localization import layout
from mammo_localization.config import PAPER, LocalizationConfig


def test_depths_follow_the_width():
    assert layout.map_depth(LocalizationConfig(**PAPER)) == 576
    assert layout.feature_size(LocalizationConfig(**PAPER)) == 1024
    assert layout.feature_size(LocalizationConfig(width=0.25)) == 256
