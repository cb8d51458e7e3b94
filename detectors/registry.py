"""Every detector, written by hand, in the order they are asked."""

from __future__ import annotations

from detectors.detector import Detector

DETECTORS: tuple[Detector, ...] = ()
