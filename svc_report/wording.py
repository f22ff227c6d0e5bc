"""The report's words: sentences, labels and questions. No logic beyond look-up."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionStatus, Fitzpatrick, Pulse

TITLE = "Tattoo colour assessment"
INTENDED_USE = "Decision support for trained laser operators. Not a diagnosis. Not device settings."

STATUS_TEXT = {
    DecisionStatus.DECISION_STATUS_OK: (
        "Each ink colour has its wavelengths in rank order.",
        "The operator confirms ink colours, skin type and answers before use.",
    ),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: (
        "Nothing is ranked: mandatory questions are unanswered.",
        "An unanswered question counts as a risk, not as a no. Answer them and run the analysis again.",
    ),
    DecisionStatus.DECISION_STATUS_STOPPED: (
        "Do not treat on this assessment: a referral or contraindication applies.",
        "Nothing is ranked. The reasons below stand until a clinician has resolved them.",
    ),
    DecisionStatus.DECISION_STATUS_DEFERRED: (
        "Not today: a condition must pass first.",
        "The options below are kept for the record and are not released.",
    ),
    DecisionStatus.DECISION_STATUS_QUALITATIVE: (
        "Hue families only: nothing is recommended.",
        "The photo holds no usable colour chart, so its colours are estimates and carry no recommendation.",
    ),
    DecisionStatus.DECISION_STATUS_NO_COLOUR: (
        "No colour-based result for this photo.",
        "No ink could be measured, or the photo failed its quality gate. Its colours lead to no conclusion.",
    ),
}
UNDECIDED_TEXT = (
    "No decision was made.",
    "This analysis carries no decision page. What was measured is shown; nothing follows from it.",
)

NEXT_STEP = {
    DecisionStatus.DECISION_STATUS_OK: (
        "Confirm ink colours, skin type and answers; make a test spot as clinic policy asks; settings come "
        "from the device's instructions for use."
    ),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: "Answer the open questions and run the analysis again.",
    DecisionStatus.DECISION_STATUS_STOPPED: "Resolve the reasons with the responsible clinician first.",
    DecisionStatus.DECISION_STATUS_DEFERRED: "Book a new assessment for when the condition has passed.",
    DecisionStatus.DECISION_STATUS_QUALITATIVE: (
        "For measured colours, repeat the photo with a colour chart beside the tattoo."
    ),
    DecisionStatus.DECISION_STATUS_NO_COLOUR: (
        "If there is ink, repeat the photo: sharp, evenly lit, the whole tattoo with skin around it."
    ),
}

DOUBTFUL_MASK = (
    "The ink mask is uncertain: check on the photo that what is outlined is ink and all of it. Colours and "
    "advice rest on it."
)

MAYBE_NO_INK = (
    "There may be no ink in this photo: the interval of the area comes down to zero. Check on the photo that "
    "what is outlined is ink; otherwise disregard the advice."
)

UNCALIBRATED = (
    "No colour chart calibrated this photo. Values marked ≈ in sections 2 and 5 are estimates that camera "
    "and light have shifted by an unknown amount; no conclusion rests on them."
)

SKIN_TYPES = {
    Fitzpatrick.FITZPATRICK_I: "I",
    Fitzpatrick.FITZPATRICK_II: "II",
    Fitzpatrick.FITZPATRICK_III: "III",
    Fitzpatrick.FITZPATRICK_IV: "IV",
    Fitzpatrick.FITZPATRICK_V: "V",
    Fitzpatrick.FITZPATRICK_VI: "VI",
}
PULSES = {Pulse.PULSE_NS: "nanosecond", Pulse.PULSE_PS: "picosecond"}

EFFICACY = {
    4: "first line",
    3: "effective",
    2: "partly effective",
    1: "ineffective",
    0: "none before a test spot",
}
LABELS = {"on_label": "on label", "off_label": "off label", "unknown": "label unknown"}

QUESTIONS = {
    "device": "Laser device",
    "site": "Body site of the tattoo",
    "fitzpatrick_operator": "Fitzpatrick skin type, read by the operator",
    "area_cm2": "Area of the tattoo",
    "ita_protected": "ITA of a photo-protected site",
    "age": "Age in years",
    "pmu": "Permanent make-up",
    "ink_reaction": "Itch, swelling, scaling or nodules in the ink, now or ever",
    "laser_reaction": "Hives or anaphylaxis after an earlier laser session",
    "gold": "Gold salts, ever",
    "isotretinoin_months": "Months since isotretinoin",
    "isotretinoin_never": "Isotretinoin never taken",
    "pregnant": "Pregnant or breastfeeding",
    "infection": "Infection, open wound, dermatitis or herpes in the field",
    "tan_4_weeks": "Tan, sunburn or self-tanner within four weeks",
    "naevus_checked": "Operator looked for naevi in and near the ink and found none",
    "melanoma_history": "Melanoma, dysplastic naevi or a changing lesion",
    "keloid": "Keloid or hypertrophic scars",
    "gunpowder": "Gunpowder, firework or explosive debris",
    "traumatic": "Other traumatic tattoo",
    "photosensitising": "Photosensitising drug or herb",
    "anticoagulant": "Anticoagulant, antiplatelet or bleeding disorder",
    "cover_up": "Cover-up or layered tattoo",
    "white_or_skin_tone": "White, skin-tone or pastel ink anywhere",
    "smoker": "Smoker",
    "days_since_laser": "Days since the last laser session",
    "tattoo_age_weeks": "Age of the tattoo in weeks",
    "epilepsy": "Photosensitive epilepsy",
    "poor_healing": "Immunosuppression, diabetes out of control, poor healing, chemo- or radiotherapy",
    "autoimmune_skin": "Lupus, vitiligo, psoriasis, lichen planus or sarcoidosis",
    "contact_allergy": "Allergy to lidocaine, latex or aftercare products",
    "scar": "Scar, induration or change of texture",
    "medical_marker": "Medical or radiotherapy marker tattoo",
    "eu_after_2023": "Made in the EU after 4 January 2023",
    "guardian_consent": "Guardian's consent",
    "ink_amount": "Amount of ink (Kirby-Desai)",
    "scarring": "Scarring (Kirby-Desai)",
    "unhealed": "Tattoo not healed",
    "inside_orbital_rim": "Field inside the orbital rim",
    "multiple_tattoos": "Several tattoos in one session",
    "naevus_found": "Pigmented lesion found in or within 5 mm of the ink",
    "quality_ok": "Photo passed its quality gate",
    "chart": "Colour chart in the photo",
    "chart_loo_de00": "Error of the colour chart's fit",
}
"""By field of TattooCase and Intake, and by what the photo answers."""

READINGS = {
    "short_side": "Short side",
    "megapixels": "Pixels",
    "clipped_share": "Clipped pixels",
    "specular_share": "Glare",
    "median_lightness": "Median lightness L*",
    "gamut_clipped_share": "Pixels outside sRGB",
    "edge_rise": "Width of the sharpest edges",
    "sampling_at_skin": "Sampling on the skin",
    "patch_size": "Size of a chart patch",
    "white_patch": "White patch",
    "neutral_residual_chroma": "Residual chroma of the grey patches",
    "chart_loo_de00": "Leave-one-out error of the chart",
    "illumination_nonuniformity": "Unevenness of the light",
    "tilt": "Tilt of the camera",
    "repeat_frame_de00": "Difference between two frames",
    "skin_ring_area": "Area of the skin ring",
    "ink_share": "Ink, share of the photo",
    "boundary_share": "Uncertain border, share of the ink",
    "mean_entropy": "Mean entropy of the mask",
    "mean_ink_probability": "Mean probability inside the ink",
}
"""By Measurement.id; others are shown by their id in words."""

WARNINGS = {
    "LOW_CONFIDENCE": "ink mask uncertain",
    "COLOUR_UNCALIBRATED": "no colour chart",
    "SKIN_REFERENCE_UNEVEN": "uneven skin reference",
    "SKIN_REFERENCE_SPARSE": "little plain skin",
}
"""By QualityFlag.code, short; others are shown by their code in words."""

INK_LEGEND = (
    "L*a*b* alone: the colour of the ink with the skin divided out in linear light; bare skin is 100, 0, 0. "
    "OD: optical density in linear red, green and blue. ΔE₀₀: CIEDE2000, with its 95 % interval."
)
OPTION_LEGEND = (
    "Efficacy: 4 first line, 3 effective, 2 partly effective, 1 ineffective, 0 none before a test spot. "
    "Level of evidence: A prospective clinical study, B regulatory label or clinical review, C laboratory or "
    "animal, D mechanism only."
)

LIMITS = (
    "This report supports the decision of a trained laser operator. It is not a diagnosis and holds no "
    "device settings; those come from the device's instructions for use and from the operator.",
    "A photo can raise a flag and can never clear one. Skin type is never read as lighter than the operator "
    "stated.",
    "Different pigment mixtures can look the same (metamerism). A photo shows colour, not pigment, and says "
    "nothing about absorption in the near infrared, 1064 nm included.",
    "White, skin-tone and very pale ink can be invisible in a photo. Only the intake question finds it.",
    "ΔE₀₀ orders large differences and does not scale them: 36 against 30 is not a fifth more.",
    "Efficacy grades below evidence level A are harmonised expert judgement. The ruleset's approval state is "
    "printed with its version.",
    "A label state belongs to one wavelength, device and clearance and is never carried over to another.",
    "A tattoo can identify its bearer: treat this document as personal health data, name or no name.",
)

RANKED_HEADING = "Wavelengths, in rank order"
UNRANKED_HEADING = "Wavelengths, not ranked"
SESSION_SCALE = "on the scale of Kirby and Desai 2009"
TRACE_NOTE = "Each rule is listed once. decision.json has it at every ink and wavelength."
