"""The laser at hand and what its label says; a label is looked up, never inferred from a wavelength."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from svc_decision.case import DeviceStatement
from svc_decision.ruleset import FITZPATRICK, DeviceModel, Label, Ruleset


@dataclass(frozen=True, slots=True)
class Laser:
    """A resolved device. trusted is False when the statement contradicts the registry entry `id`."""

    known: bool
    name: str
    wavelengths_nm: tuple[int, ...] = ()
    pulse: str = ""
    labels: Mapping[int, Label] = field(default_factory=lambda: MappingProxyType({}))
    trusted: bool = True
    message: str = ""
    id: str | None = None


def resolve(device: DeviceStatement, ruleset: Ruleset) -> Laser:
    """Find the device in the registry by id or clearance; else take its stated wavelengths, label unknown."""
    model = _registered(device, ruleset)
    wavelengths = device.wavelengths_nm or (tuple(sorted(model.labels)) if model else ())
    pulse = device.pulse or (model.pulse if model else "")
    name = f"{model.manufacturer} {model.model} ({', '.join(model.clearances)})" if model else _name(device)
    if not wavelengths or not pulse:
        return Laser(known=False, name=name, message="DEVICE_UNKNOWN")
    if model is None:
        return Laser(True, name, wavelengths, pulse, message="DEVICE_LABEL_UNKNOWN")
    trusted = pulse == model.pulse and _agrees(device, model)
    message = "" if trusted else "DEVICE_LABEL_MISMATCH"
    return Laser(True, name, wavelengths, pulse, model.labels, trusted, message, model.id)


def label_state(laser: Laser, nm: int, fitzpatrick: str, colour: str | None) -> str:
    """on_label, off_label or unknown for one wavelength, skin type and label colour."""
    label = laser.labels.get(nm)
    if label is None:
        return "unknown"
    states = (_skin_state(label, fitzpatrick), _colour_state(label, colour))
    if "off_label" in states:
        return "off_label"
    # A contradicted registry entry can still forbid, but no longer permit.
    return "unknown" if "unknown" in states or not laser.trusted else "on_label"


def _registered(device: DeviceStatement, ruleset: Ruleset) -> DeviceModel | None:
    for model in ruleset.devices:
        if device.id is not None and device.id.strip().upper() == model.id:
            return model
    clearance = (device.clearance or "").strip().upper()
    return next((m for m in ruleset.devices if clearance and clearance in m.clearances), None)


def _agrees(device: DeviceStatement, model: DeviceModel) -> bool:
    pairs = ((device.manufacturer, model.manufacturer), (device.model, model.model))
    if not all(_alike(stated, registered) for stated, registered in pairs):
        return False
    return device.clearance is None or device.clearance.strip().upper() in model.clearances


def _alike(stated: str | None, registered: str) -> bool:
    if not stated or registered == "not retrieved":
        return True
    a, b = stated.casefold().strip(), registered.casefold()
    return a in b or b in a


def _name(device: DeviceStatement) -> str:
    parts = (device.manufacturer, device.model, device.clearance, device.id)
    return " ".join(p for p in parts if p) or "not stated"


def _skin_state(label: Label, fitzpatrick: str) -> str:
    if label.fitzpatrick is None:
        return "unknown"
    low, high = (FITZPATRICK.index(bound) for bound in label.fitzpatrick)
    return "on_label" if low <= FITZPATRICK.index(fitzpatrick) <= high else "off_label"


def _colour_state(label: Label, colour: str | None) -> str:
    if label.colours is None or colour in label.unclear_colours:
        return "unknown"
    return "on_label" if colour in label.colours else "off_label"
