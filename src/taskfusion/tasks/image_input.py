"""From the pixels of views to the inputs of a network: channels, size, range, layout."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from taskfusion.errors import DataError, SpecError, did_you_mean
from taskfusion.images import Array
from taskfusion.tasks.image_config import ImageModelConfig

CHANNELS = (1, 3)  # what tells the channels from height and width where nobody says
LARGEST = {"bool": 1, "uint8": 255, "uint16": 65535}


@attrs.frozen
class Port:
    """An input of a network: its name and its shape with the batch; None where any number goes."""

    name: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"input {self.name!r} of shape ({', '.join('any' if n is None else str(n) for n in self.shape)})"


@attrs.frozen
class InputPlan:
    """How images become inputs.

    Attributes:
        size: height and width.
        channels: of the image of one view.
        last: whether the network has the channels last.
        stacking: ``single``: one image; ``inputs``: an input for each view; ``axis``: views on an axis of their own;
            ``channels``: views as channels.
        views: shown together.
        order: per input the index of its view.
        batch: samples at a time.
    """

    size: tuple[int, int]
    channels: int
    last: bool
    stacking: str
    views: int
    order: tuple[int, ...]
    batch: int

    def inputs(self, samples: Sequence[Sequence[Array]]) -> list[Array]:
        """Samples, each the ``(height, width, channels)`` of its views, as one full batch; what lacks is zero."""
        stacked = np.zeros((self.batch, self.views, *self.size, self.channels), np.float32)
        if samples:
            stacked[: len(samples)] = np.array(samples)
        if self.stacking == "channels":
            stacked = np.moveaxis(stacked[..., 0], 1, -1)[:, None]
        if not self.last:
            stacked = np.moveaxis(stacked, -1, 2)
        if self.stacking == "axis":
            return [np.ascontiguousarray(stacked)]
        return [np.ascontiguousarray(stacked[:, view]) for view in self.order]


def plan_inputs(config: ImageModelConfig, ports: Sequence[Port], batch: int) -> InputPlan:
    """Find out how a network wants its images.

    Args:
        config: the options.
        ports: the inputs of the network.
        batch: samples at a time, where the network takes any number.

    Raises:
        SpecError: a network that does not fit the views, or a size or layout that nobody knows.
    """
    together = len(config.views) if config.level == "case" else 1
    stacking = _stacking(config, ports, together)
    order = _order(config, ports) if stacking == "inputs" else (0,)
    plans = [_plan(config, port, stacking, order, batch) for port in ports]
    if any(plan != plans[0] for plan in plans):
        raise SpecError(f"inputs differ in shape, which cannot be: {'; '.join(map(str, ports))}")
    return plans[0]


def _stacking(config: ImageModelConfig, ports: Sequence[Port], together: int) -> str:
    found = "; ".join(map(str, ports))
    if len(ports) == together > 1 or (config.inputs and together > 1):
        return "inputs"
    if len(ports) != 1:
        expected = "one input" if together == 1 else f"one input, or one for each of the {together} views"
        raise SpecError(f"the network has {len(ports)} inputs ({found}); expected {expected}")
    if together > 1 and len(ports[0].shape) == 5:
        if ports[0].shape[1] not in (None, together):
            raise SpecError(f"the network's {found} is for {ports[0].shape[1]} views; expected {together}")
        return "axis"
    return "channels" if together > 1 else "single"


def _order(config: ImageModelConfig, ports: Sequence[Port]) -> tuple[int, ...]:
    if not config.inputs:
        return tuple(range(len(ports)))
    names = [port.name for port in ports]
    for name in config.inputs.values():
        if name not in names:
            raise SpecError(f"the network has no input {name!r}{did_you_mean(name, names)}")
    view_of = {name: config.views.index(view) for view, name in config.inputs.items()}
    if set(view_of) != set(names):
        raise SpecError(f"inputs gives {', '.join(view_of)} to the views; the network has {', '.join(names)}")
    return tuple(view_of[name] for name in names)


def _plan(config: ImageModelConfig, port: Port, stacking: str, order: tuple[int, ...], batch: int) -> InputPlan:
    dims = port.shape[2:] if stacking == "axis" else port.shape[1:]
    if len(dims) != 3:
        raise SpecError(
            f"the network's {port} takes no images; expected batch, height, width and channels in some order"
        )
    wanted = (len(config.views),) if stacking == "channels" else CHANNELS
    last = _channels_last(config, port, dims, wanted)
    height, width, channels = dims if last else (*dims[1:], dims[0])
    if channels is None:
        raise SpecError(f"the network's {port} has no fixed number of channels")
    if stacking == "channels" and channels != len(config.views):
        raise SpecError(f"the network's {port} has {channels} channels for {len(config.views)} views")
    size = _size(config, port, (height, width))
    together = len(config.views) if config.level == "case" else 1
    depth = 1 if stacking == "channels" else channels
    return InputPlan(size, depth, last, stacking, together, order, port.shape[0] or batch)


def _channels_last(config: ImageModelConfig, port: Port, dims: Sequence[int | None], wanted: Sequence[int]) -> bool:
    if config.layout != "auto":
        return config.layout == "NHWC"
    first, last = dims[0] in wanted, dims[-1] in wanted
    if first == last:
        raise SpecError(f"the network's {port} may have its channels first or last; write layout: NCHW or NHWC")
    return last


def _size(config: ImageModelConfig, port: Port, found: tuple[int | None, int | None]) -> tuple[int, int]:
    if config.shown is None and None in found:
        raise SpecError(f"the network's {port} takes images of any size; write size: [height, width]")
    height, width = config.shown or (0, 0)
    size = found[0] or height, found[1] or width
    if config.shown is not None and size != config.shown:
        raise SpecError(f"size is {list(config.shown)}; the network's {port} takes {list(size)}")
    return size


def network_image(pixels: Array, plan: InputPlan, config: ImageModelConfig) -> Array:
    """Pixels as read, ``(height, width[, channels])``, as the network is to see them: ``(*size, channels)`` float32.

    Raises:
        DataError: another number of channels, pixels that are not finite, or of a type whose range is not known.
    """
    image = _with_channels(pixels, plan.channels)
    if not (image.dtype.kind in "biu" or (image.dtype.kind == "f" and np.isfinite(image).all())):
        raise DataError(f"image of type {image.dtype} has pixels that are no finite numbers")
    resized = _resized(image.astype(np.float32), plan.size)
    if config.range == "raw":
        return resized * np.float32(config.scale) + np.float32(config.offset)
    if isinstance(config.range, str):
        return _standardised(resized)
    if image.dtype.name not in LARGEST:
        known = ", ".join(LARGEST)
        raise DataError(f"pixels of type {image.dtype} have no known range; expected {known}, or use scale and offset")
    low, high = config.range
    return np.asarray(low + resized * ((high - low) / LARGEST[image.dtype.name]), np.float32)


def _with_channels(pixels: Array, channels: int) -> Array:
    """Grey is repeated; anything else must fit."""
    image = pixels if pixels.ndim == 3 else pixels[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, channels):
        raise DataError(f"image has shape {pixels.shape}; the network takes {channels} channel{'s' * (channels > 1)}")
    return np.broadcast_to(image, (*image.shape[:2], channels))


def _resized(image: Array, size: tuple[int, int]) -> Array:
    """Bicubic, low-pass filtered where it shrinks; kept within the image's own range, which bicubic leaves."""
    from PIL import Image

    if image.shape[:2] == size:
        return image
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[..., k])).resize(size[::-1], Image.Resampling.BICUBIC))
        for k in range(image.shape[2])
    ]
    return np.clip(np.stack(planes, axis=-1), image.min(), image.max())


def _standardised(image: Array) -> Array:
    """Mean 0 and deviation 1; an image of one value is zero."""
    deviation = float(image.std(dtype=np.float64))
    centred = image - image.mean(dtype=np.float64)
    return np.asarray(centred / deviation if deviation else centred * 0, np.float32)
