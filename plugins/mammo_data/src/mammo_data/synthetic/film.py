"""From attenuation to a digitised film: logistic response, correlated grain, dust, the label, 16 bit."""

from __future__ import annotations

import cv2
import numpy as np

from mammo_data.synthetic.config import FILM_WIDTH, Frame

GRAIN = 0.014
MIDDLE, STEEPNESS = 0.52, 5.2
"""The film is half bright at this attenuation, and this steep."""


def respond(attenuation: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1): dark without tissue, saturating in dense tissue, where contrast is lost."""
    floor = np.float32(1 / (1 + np.exp(STEEPNESS * MIDDLE)))
    bright = 0.5 + 0.5 * np.tanh((attenuation - np.float32(MIDDLE)) * np.float32(STEEPNESS / 2))
    return (bright - floor) / (1 - floor)


def grain(rng: np.random.Generator, frame: Frame) -> np.ndarray:
    """Film grain: noise that is correlated over about a pixel, deviation 1."""
    white = rng.standard_normal((frame.height, frame.width), dtype=np.float32)
    soft = cv2.GaussianBlur(white, (0, 0), 0.8)
    return 0.35 * white + 2.0 * soft


def expose(rng: np.random.Generator, attenuation: np.ndarray, frame: Frame, gain: float) -> np.ndarray:
    """The film of an attenuation map, brightness around [0, 1], float32."""
    bright = 0.93 * respond(attenuation)
    return gain * (0.018 + bright + (GRAIN * (0.35 + 0.65 * np.sqrt(np.maximum(bright, 0)))) * grain(rng, frame))


def stamp(rng: np.random.Generator, picture: np.ndarray, view: str, frame: Frame) -> None:
    """A bright film label away from the chest wall, in place; drawn on the picture as hung, so that it reads."""
    high, wide = (round(side * frame.scale) for side in (10, 27))
    band = 0.12 if rng.random() < 0.5 else 0.9
    top = round((band * 288 + rng.uniform(-18, 8)) * frame.scale)
    inset = round(rng.uniform(3, 8) * frame.scale)
    left = inset if view.startswith("R") else round(FILM_WIDTH * frame.scale) - inset - wide
    if view.startswith("R"):
        left += frame.width - round(FILM_WIDTH * frame.scale)
    label = np.full((high, wide), int(rng.uniform(190, 245)), np.uint8)
    place = (round(0.06 * wide), round(0.76 * high))
    text_scale = 0.27 * frame.scale
    cv2.putText(label, view, place, cv2.FONT_HERSHEY_SIMPLEX, text_scale, 30, max(1, round(frame.scale)), cv2.LINE_AA)
    area = picture[max(top, 0) : top + high, max(left, 0) : left + wide]
    area[:] = label[: area.shape[0], : area.shape[1]] / np.float32(255)


def digitise(picture: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] as 16 bit."""
    return (np.clip(picture, 0, 1) * 65535).astype(np.uint16)
