"""Configuration of the hybrid fuser; reading it imports no Keras."""

from __future__ import annotations

import attrs

from taskfusion.fusers.feat_config import FeatConfig


@attrs.frozen
class HybridConfig(FeatConfig):
    """As for the feature fuser, and a branch of scores.

    Attributes:
        score_units: units of the dense layer on the scores; as many as the feature branches have together, so that the
            network has learned the scores before it learns the features by heart.
    """

    score_units: int = attrs.field(default=256, validator=attrs.validators.ge(1))
