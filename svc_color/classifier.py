"""Which class an ink is: a small network on ink transmission colour, and what it was never taught.

The released model `ink-class` (models/registry) holds a network that turns Lab_t into a posterior over
sixteen classes, and prototypes with spread: the colours that its training covered. A colour far from all of
them is unknown whatever the network says. Both come from modelled ink in modelled skin
(docs/ink-classifier.md) and see nothing but Lab_t: exposure and white balance have divided out before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from mesh import registry
from mesh.errors import Internal
from svc_color.space import Array, lab_to_xyz, xyz_to_linear
from svc_color.transmission import HIGHEST, LOWEST, UNIT_WHITE

NAME: Final = "ink-class"
UNKNOWN: Final = "unknown"
FILE: Final = "params.json"

# Below this chroma the direction of a colour is little but noise, and fades out of the features.
_HUE_CHROMA: Final = 3.0


@dataclass(frozen=True)
class Classifier:
    """A released classifier.

    classes: names, k of them. centre, scale: of the features, (8,). layers: weights (in, out) and offsets
    (out,), tanh between. temperature: divides the logits (Guo et al. 2017). log_base: log of how common each
    class is, (k,), added to them. prototypes: Lab_t (m, 3). whiteners: (m, 3, 3), inverse Cholesky factors of
    their covariances. farthest: distance in standard deviations beyond which a colour is unlike all
    prototypes. least_posterior: below it the top class is not named.
    """

    label: str
    sha256: str
    classes: tuple[str, ...]
    centre: Array
    scale: Array
    layers: tuple[tuple[Array, Array], ...]
    temperature: float
    log_base: Array
    prototypes: Array
    whiteners: Array
    farthest: float
    least_posterior: float

    def posterior(self, lab_t: ArrayLike) -> Array:
        """Posterior (n, k) of ink transmission colours (n, 3); rows sum to 1."""
        logits = self.logits(lab_t) / self.temperature + self.log_base
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def logits(self, lab_t: ArrayLike) -> Array:
        """What the network says (n, k), before temperature and base rates."""
        values = (features(lab_t) - self.centre) / self.scale
        for index, (weights, offsets) in enumerate(self.layers):
            values = (np.tanh(values) if index else values) @ weights + offsets
        return np.asarray(values)

    def distance(self, lab_t: ArrayLike) -> Array:
        """Mahalanobis distance (n,) of colours (n, 3) to the nearest prototype, in standard deviations."""
        apart = np.asarray(lab_t, np.float64)[:, None] - self.prototypes
        whitened = np.einsum("mij,nmj->nmi", self.whiteners, apart)
        return np.asarray(np.sqrt((whitened**2).sum(axis=-1)).min(axis=-1))


@dataclass(frozen=True)
class InkClass:
    """The answer for one colour.

    name: the most probable class, or "unknown". posterior: (class, probability), most probable
    first, over all classes, sums to 1. distance: to the nearest prototype in standard deviations; None
    where nothing was compared.
    """

    name: str
    posterior: tuple[tuple[str, float], ...]
    distance: float | None


def features(lab_t: ArrayLike) -> Array:
    """What the network sees (n, 8) of ink transmission colours (n, 3).

    Log of the ratio per channel (optical density up to a factor), Lab_t, and the direction of its chroma.
    """
    lab = np.asarray(lab_t, np.float64)
    ratio = np.clip(xyz_to_linear(lab_to_xyz(lab, white=UNIT_WHITE)), LOWEST, HIGHEST)
    chroma = np.hypot(lab[:, 1], lab[:, 2])[:, None]
    return np.hstack([np.log(ratio), (lab - (80.0, 0.0, 0.0)) / 20.0, lab[:, 1:] / (chroma + _HUE_CHROMA)])


def classify(lab_t: ArrayLike, model: Classifier) -> InkClass:
    """Class of an ink transmission colour (3,)."""
    colour = np.asarray(lab_t, np.float64)[None]
    chances, distance = model.posterior(colour)[0], float(model.distance(colour)[0])
    order = np.argsort(-chances, kind="stable")
    posterior = tuple((model.classes[i], float(chances[i])) for i in order)
    certain = posterior[0][1] >= model.least_posterior and distance <= model.farthest
    return InkClass(posterior[0][0] if certain else UNKNOWN, posterior, distance)


def active() -> Classifier:
    """The version that is served: the newest that is released and not recalled.

    Raises FailedPrecondition (MODEL_NOT_FOUND, MODEL_RECALLED, MODEL_HASH_MISMATCH), Internal
    (MODEL_CONTRACT).
    """
    return load(registry.serve("", NAME).label)


@lru_cache(maxsize=4)
def load(label: str) -> Classifier:
    """A version by name, for example "ink-class@1.0.0", read once and verified; errors as `active`."""
    entry = registry.find(label)
    data = registry.verified(entry.folder / FILE, str(entry.said.get("sha256", "")), label)
    try:
        return parse(json.loads(data), label, str(entry.said["sha256"]))
    except (KeyError, ValueError) as error:
        raise Internal("MODEL_CONTRACT", f"{label}: {FILE} is not as this code reads it: {error}.") from error


def parse(said: Mapping[str, Any], label: str, sha256: str) -> Classifier:
    """A classifier from the content of its file; raises KeyError or ValueError when it is not one."""

    def array(of: Any, *shape: int) -> Array:
        values = np.array(of, np.float64)
        if not np.all(np.isfinite(values)) or values.shape != shape:
            raise ValueError(f"expected finite numbers {shape}, found {values.shape}")
        values.flags.writeable = False
        return values

    classes, network, known = tuple(said["classes"]), said["network"], said["known"]
    sizes = [8, *(len(layer["offsets"]) for layer in network["layers"])]
    if sizes[-1] != len(classes):
        raise ValueError(f"{sizes[-1]} outputs for {len(classes)} classes")
    count = len(known["prototypes"])
    return Classifier(
        label=label,
        sha256=sha256,
        classes=classes,
        centre=array(network["centre"], 8),
        scale=array(network["scale"], 8),
        layers=tuple(
            (array(layer["weights"], *shape), array(layer["offsets"], shape[1]))
            for layer, shape in zip(network["layers"], pairwise(sizes), strict=True)
        ),
        temperature=float(said["temperature"]),
        log_base=array(said["log_base"], len(classes)),
        prototypes=array(known["prototypes"], count, 3),
        whiteners=array(known["whiteners"], count, 3, 3),
        farthest=float(known["farthest"]),
        least_posterior=float(said["least_posterior"]),
    )
