"""Every detector, written by hand, in the order they are asked."""

from __future__ import annotations

from detectors.cms.drupal import BACKDROP, DRUPAL
from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from detectors.detector import Detector

DETECTORS: tuple[Detector, ...] = (WORDPRESS, JOOMLA, DRUPAL, BACKDROP)
