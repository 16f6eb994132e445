"""Configuration of the attention fuser; reading it imports no Keras."""

from __future__ import annotations

import attrs

from taskfusion.fusers.network_config import NetworkConfig


@attrs.frozen
class AttentionConfig(NetworkConfig):
    """What all tasks are projected to, and how they are weighed.

    Attributes:
        width: numbers an instance is projected to.
        attention: hidden units of the gated attention.
    """

    width: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    attention: int = attrs.field(default=32, validator=attrs.validators.ge(1))
