"""The balance report's words. No logic beyond look-up."""

from __future__ import annotations

from dataclasses import dataclass

from assay.balance.v1.balance_pb2 import (
    Arms,
    Eyes,
    PoseMode,
    Reach,
    Sex,
    Stance,
    StanceSide,
    Surface,
    Task,
    View,
)
from assay.decision.v1.decision_pb2 import DecisionStatus


@dataclass(frozen=True)
class Axis:
    """A direction of movement, and what its two ends are called."""

    label: str
    low: str
    high: str


SIDEWAYS = Axis("Sideways (ML)", "left", "right")
FORE_AFT = Axis("Fore-aft (AP)", "back", "forward")

TITLE = "Balance assessment"
INTENDED_USE = (
    "Measurements of one standing test, for a physiotherapist or coach to judge. Not a diagnosis; no "
    "prediction "
    "of falls or injury."
)
FOOTER = "measurements to be judged, not a diagnosis"

STATUS_TEXT = {
    DecisionStatus.DECISION_STATUS_OK: (
        "The trial was measured and scored.",
        "The raw measurements come first; the score sums them up by the rules named in section 8.",
    ),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: (
        "No score: the rules miss an answer.",
        "What was measured is shown. Answer the open questions and run the analysis again.",
    ),
    DecisionStatus.DECISION_STATUS_STOPPED: (
        "No score: a reason to refer comes first.",
        "What was measured is shown. The reasons below stand until a clinician has resolved them.",
    ),
    DecisionStatus.DECISION_STATUS_DEFERRED: (
        "No score today: a condition must pass first.",
        "What was measured is shown for the record.",
    ),
    DecisionStatus.DECISION_STATUS_NOT_MEASURABLE: (
        "This recording carries no score.",
        "The reasons stand below. A value that the recording cannot carry is left out, never guessed.",
    ),
}
UNDECIDED_TEXT = (
    "No score was made.",
    "This analysis carries no decision page. What was measured is shown; nothing follows from it.",
)
UNMEASURED_TEXT = (
    "Nothing was measured.",
    "This analysis carries no page of measurements.",
)

TASKS = {
    Task.TASK_SINGLE_LEG: "single-leg stance",
    Task.TASK_BESS: "Balance Error Scoring System (BESS), one condition",
    Task.TASK_MBESS: "modified BESS, one condition",
    Task.TASK_CTSIB: "Clinical Test of Sensory Interaction on Balance (CTSIB), one condition",
    Task.TASK_MCTSIB: "modified CTSIB, one condition",
    Task.TASK_Y_BALANCE: "Y-Balance, one reach",
}
SIDES = {StanceSide.STANCE_SIDE_LEFT: "left", StanceSide.STANCE_SIDE_RIGHT: "right"}
STANCES = {
    Stance.STANCE_SINGLE: "on one leg",
    Stance.STANCE_DOUBLE: "feet side by side",
    Stance.STANCE_TANDEM: "heel to toe",
}
EYES = {Eyes.EYES_OPEN: "open", Eyes.EYES_CLOSED: "closed", Eyes.EYES_DOME: "visual-conflict dome"}
ARMS = {Arms.ARMS_CROSSED: "crossed over the chest", Arms.ARMS_HIPS: "hands on hips", Arms.ARMS_FREE: "free"}
SURFACES = {Surface.SURFACE_FIRM: "firm", Surface.SURFACE_FOAM: "foam"}
VIEWS = {
    View.VIEW_FRONT: "from the front",
    View.VIEW_BACK: "from the back",
    View.VIEW_LEFT: "from the left side",
    View.VIEW_RIGHT: "from the right side",
    View.VIEW_OBLIQUE: "oblique",
}
SEXES = {Sex.SEX_FEMALE: "female", Sex.SEX_MALE: "male"}
REACHES = {
    Reach.REACH_ANTERIOR: "anterior",
    Reach.REACH_POSTEROMEDIAL: "posteromedial",
    Reach.REACH_POSTEROLATERAL: "posterolateral",
}
MODES = {
    PoseMode.POSE_MODE_QUALITY: "quality (several regions averaged per frame)",
    PoseMode.POSE_MODE_SINGLE_PASS: "single pass",
}
SOURCES = {"video": "video", "device": "landmarks from the device; no video was sent"}

ENDS = {
    "touchdown": "the lifted foot came down",
    "stance_foot_moved": "the standing foot moved",
    "leg_touch": "the lifted leg touched the other",
    "hop": "a hop",
    "hands_off": "the arms left their position",
    "step": "a step",
    "cap": "the time limit of the test",
    "end_of_recording": "the end of the recording",
}
EVENTS = {
    "foot_up": "Foot up",
    "touchdown": "Foot down",
    "stance_foot_moved": "Standing foot moved",
    "leg_touch": "Lifted leg touches the other",
    "hop": "Hop",
    "step": "Step",
    "hands_off": "Arms left their position",
    "hip_abd30": "Hip abduction above 30°",
    "heel_lift": "Heel lifted",
    "forefoot_lift": "Forefoot lifted",
    "out_of_position": "Out of position for more than 5 s",
    "trunk_lean": "Trunk lean",
    "trunk_rotation": "Trunk rotation",
    "pelvic_drop": "Pelvic drop",
    "arm_excursion": "Arm excursion",
    "lifted_leg_swing": "Lifted leg swings",
    "head_tilt": "Head tilt",
    "trunk_pitch": "Trunk leans fore or aft",
    "stance_knee_flexion": "Standing knee bends",
}
"""By event id; others are shown by their id in words."""
PHASES = {
    "single_left": "on the left leg",
    "single_right": "on the right leg",
    "double": "on both legs",
    "tandem": "heel to toe",
    "unknown": "not told",
}
STRATEGIES = {
    "ankle": "ankle",
    "mixed": "mixed ankle and hip",
    "hip": "hip",
    "stepping": "stepping",
    "indeterminate": "indeterminate: the movement does not stand out from the measurement noise",
}
SCALES = {
    "height": "from body height",
    "leg_length": "from leg length",
    "world": "from the pose model's generic body",
}

SUB_SCORES = {
    "time": "Time held",
    "sway": "Sway",
    "strategy": "Strategy",
    "alignment": "Alignment",
    "compensations": "Compensations",
}
READINGS = {
    "fps": "Frame rate",
    "dropped_share": "Dropped frames",
    "body_height_share": "Body height, share of the picture",
    "person_share": "Frames with a person",
    "person_frames": "Frames with a person",
    "mean_visibility": "Mean visibility of the landmarks",
    "foot_visibility": "Mean visibility of the feet",
    "feet_out_share": "Frames with a foot out of the picture",
    "longest_gap": "Longest time without the person",
    "sides_swapped_share": "Frames with left and right swapped",
    "length_variation_trunk": "Variation of length, trunk",
    "length_variation_thigh_left": "Variation of length, left thigh",
    "length_variation_thigh_right": "Variation of length, right thigh",
    "length_variation_shank_left": "Variation of length, left shank",
    "length_variation_shank_right": "Variation of length, right shank",
    "people_most": "People seen at once, at most",
    "region_error": "Standard error of the landmarks",
    "bone_length_cv": "Variation of bone lengths",
    "camera_motion": "Camera motion",
}
QUESTIONS = {
    "side": "Standing leg",
    "eyes": "Eyes open or closed",
    "arms": "What the arms do",
    "surface": "Firm ground or foam",
    "stance": "How the feet stand",
    "barefoot": "Barefoot or in shoes",
    "age_years": "Age",
    "sex": "Sex",
    "height_cm": "Body height",
    "leg_length_cm": "Leg length",
    "mass_kg": "Body mass",
    "task": "Test",
    "view": "Where the camera stands",
    "reach": "Direction of the reach",
    "floor_marks": "Floor marks",
    "falls_12_months": "Falls within twelve months",
    "dizziness": "Dizziness or vertigo now",
    "pain": "Pain in a leg or the back during the test",
    "head_injury_4_weeks": "Head injury within four weeks",
    "leg_injury_3_months": "Leg injury or operation within three months",
    "neurological": "Disease of nerves or inner ear that affects balance",
}

NOT_STATED = "not stated"
FRONT_LIMITS = (
    "One camera measures one plane; millimetres rest on the stated body height or leg length; sway of the "
    "body's "
    "centre from video is not a force plate's centre of pressure.",
    "One trial varies, and norms were taken with their own protocol. Whether the eyes were as stated is not "
    "checked.",
)
"""The limits of use in short; the full list is the last section."""
NORM_LEGEND = (
    "Norm: mean of the published age group, and where the value lies against the group's band. Times held "
    "are "
    "censored at the test's cap and skewed, so there is no z-score. † provisional: the number was not "
    "verified "
    "against its publication and is no norm. ≠ the norm's protocol differs from this trial's: see section 7."
)
METRIC_LEGEND = (
    "Sideways is + to the subject's right, fore-aft is + forwards. Basis: low-pass cutoff or spectral "
    "band, and the "
    "version of the definition. Compare values only between trials with the same basis, pose model and mode."
)
NO_FORE_AFT = "Fore-aft movement is not measurable from this view."
NO_TRACES = "No trace over time was stored for this trial, so there is no chart."
NO_SIDEWAYS = "Sideways movement is not measurable from this view."
NO_VIDEO = "No video was sent: the pictures show the landmarks that the device made."
NO_STILLS = (
    "No picture: either no moment could be decoded, or no face was found in one, and without a face to "
    "hide no "
    "picture of a person is shown."
)
COMPARE = "Compare with other trials only where test, view, filter, pose model and mode are the same."
TRACE_NOTE = "decision.json has every rule at every place."

LIMITS = (
    "This report supports the judgement of a physiotherapist or coach. It is not a diagnosis, and no "
    "number here "
    "says that a person will or will not fall.",
    "One camera measures one plane. From the front it sees sideways movement, from the side fore-aft "
    "movement; "
    "depth is never estimated.",
    "Sway of the body's centre from video is not sway of the centre of pressure on a force plate. Path "
    "length and "
    "velocity depend on filter and noise: compare them only with the same basis, pose model and mode.",
    "Millimetres rest on the body height or leg length that was stated; its error passes straight through.",
    "Whether the eyes were open or closed is taken from what was stated. The camera does not check it.",
    "Strategy labels are exploratory. Quiet stance on one leg mixes ankle and hip movement, and labels "
    "have no "
    "agreed ground truth.",
    "One trial varies. A difference counts only when it exceeds the minimal detectable change.",
    "Norms are populations with their own protocol. Where the protocol differs, that is said beside the "
    "norm.",
    "The pictures can identify the subject in spite of a blurred face: treat this document as personal "
    "health data.",
)
