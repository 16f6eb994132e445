"""Configuration of the feature fuser, apart from its code so that reading it imports no Keras."""

from __future__ import annotations

import attrs

from taskfusion.fusers.network_config import NetworkConfig, positive


@attrs.frozen
class FeatConfig(NetworkConfig):
    """The branches; how they are joined and trained stands in :class:`NetworkConfig`.

    Attributes:
        filters: filters of the convolution blocks; case- and view-level tasks use the first two (ours).
        kernel: kernel size of the convolutions along the feature axis (ours).
    """

    filters: tuple[int, ...] = attrs.field(default=(16, 32, 64), validator=positive)
    kernel: int = attrs.field(default=7, validator=attrs.validators.ge(1))
