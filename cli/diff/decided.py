"""Two decision pages: what each rule made of ink and wavelength, flags, messages and skin type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from cli.diff.difference import Difference, FactChange, keyed, pairs

# How the ids of rules begin that make the skin type: fusion and override.
SKIN_RULES = ("F", "V")
# Flags of these severities never take a wavelength away.
MILD = ("caution", "info")


class Decided:
    """Two pages side by side. versions: what differs in and before the decision, to be named as a cause."""

    def __init__(self, a: Analysis, b: Analysis, versions: tuple[str, ...]) -> None:
        self._sides = (a.decision, b.decision)
        self._traces = tuple({entry.rule: entry for entry in page.trace} for page in self._sides)
        # A page too large for its fact leaves out what its rules saw: then nothing is known of either side.
        self._seen = all(any(entry.saw for entry in page.trace) for page in self._sides)
        # The page has one place of each rule: of what is judged ink by ink, perhaps that of another ink.
        flags = [flag for page in self._sides for flag in page.flags]
        self._judged_once = {flag.id for flag in flags if flag.scope != "region"}
        # Two results of one palette: an ink is then the same cluster, whatever the rules call it.
        one_palette = list(a.color.inks) == list(b.color.inks)
        self._clusters = {ink.id: f"ink {ink.id}, {ink.ink_class}" for ink in a.color.inks if one_palette}
        barring = (flag for flag in flags if flag.severity not in MILD)
        self._barred_by = sorted({flag.id for flag in barring if self._is_new(flag)})
        self._versions = versions

    def differences(self) -> list[Difference]:
        """Every difference of the two decisions."""
        before, after = self._sides
        return [
            *self._whole("status", "decision", _status(before), _status(after), self._barred_by),
            *self._whole("skin", "skin type", _skin(before), _skin(after), self._changed(SKIN_RULES)),
            *self._inks(),
            *self._flags(),
            *self._messages("decision", *(page.messages for page in self._sides)),
            *self._lists("missing"),
            *self._lists("unanswered"),
            *self._comparisons(),
        ]

    def _whole(
        self, kind: str, at: str, before: str, after: str, rules: Sequence[str],
        facts: Iterable[FactChange] = (),
    ) -> list[Difference]:  # fmt: skip
        """One difference, or none where both sides are alike; its facts, and those that its rules saw."""
        if before == after:
            return []
        every = {*facts, *(fact for rule in rules for fact in self._facts(rule))}
        ordered = tuple(sorted(every, key=lambda fact: (fact.name, sorted((fact.before, fact.after)))))
        return [Difference(kind, at, before, after, tuple(rules), ordered, self._versions)]

    def _is_new(self, flag: pb.RiskFlag) -> bool:
        """Whether a flag fired otherwise, or not at all, on one of the sides."""
        return not all(any(_same_flag(flag, other) for other in page.flags) for page in self._sides)

    def _inks(self) -> list[Difference]:
        found: list[Difference] = []
        for at, ours, theirs in pairs(*map(self._by_ink, self._sides)):
            before, after = ours or pb.InkDecision(), theirs or pb.InkDecision()
            found += self._whole(
                "ink", at, _ink(ours), _ink(theirs), sorted({*before.flags} ^ {*after.flags})
            )
            found += self._options(at, before.options, after.options)
            found += self._messages(at, before.messages, after.messages)
        return found

    def _by_ink(self, page: pb.DecisionPage) -> dict[str, pb.InkDecision]:
        if all(ink.cluster_id in self._clusters for ink in page.inks):
            return {self._clusters[ink.cluster_id]: ink for ink in page.inks}
        return keyed((ink.ink_class, ink) for ink in page.inks)

    def _options(
        self, at: str, before: Sequence[pb.WavelengthOption], after: Sequence[pb.WavelengthOption]
    ) -> list[Difference]:
        if not (before and after):
            # One side has none at all: what stopped it is behind that, not what each wavelength rests on.
            every = (_all(before), _all(after))
            return self._whole("option", f"{at} every wavelength", *every, self._barred_by)
        found: list[Difference] = []
        ours, theirs = ({f"{o.wavelength_nm} nm": o for o in options} for options in (before, after))
        for wavelength, one, other in pairs(ours, theirs):
            rules = [set(option.rules) if option else set[str]() for option in (one, other)]
            # Where both rest on the same rules, it is one of these that says something else now.
            made = sorted(rules[0] ^ rules[1] or rules[0])
            facts = _facts_of(one, other)
            found += self._whole("option", f"{at} {wavelength}", _option(one), _option(other), made, facts)
        return found

    def _flags(self) -> list[Difference]:
        found: list[Difference] = []
        for flag_id, one, other in pairs(*(keyed((f.id, f) for f in page.flags) for page in self._sides)):
            before, after = _flag(one), _flag(other)
            rule = flag_id.partition(" #")[0]
            found += self._whole("flag", flag_id, before, after, [rule])
            if before == after and one is not None and other is not None:
                found += self._whole("text", flag_id, one.text, other.text, [rule])
        return found

    def _messages(
        self, at: str, before: Iterable[pb.DecisionMessage], after: Iterable[pb.DecisionMessage]
    ) -> list[Difference]:
        found: list[Difference] = []
        ours, theirs = (keyed((message.code, message) for message in side) for side in (before, after))
        for code, one, other in pairs(ours, theirs):
            kind = "text" if one is not None and other is not None else "message"
            texts = ["" if message is None else message.text for message in (one, other)]
            rule = code.partition(" #")[0]
            known = [rule] if any(rule in trace for trace in self._traces) else []
            found += self._whole(kind, f"{at} {code}", texts[0], texts[1], known)
        return found

    def _lists(self, name: str) -> list[Difference]:
        ours, theirs = ({item: item for item in getattr(page, name)} for page in self._sides)
        found: list[Difference] = []
        for item, one, other in pairs(ours, theirs):
            states = [f"{name}" if side else "" for side in (one, other)]
            found += self._whole("intake", item, states[0], states[1], [item] if name == "unanswered" else [])
        return found

    def _comparisons(self) -> list[Difference]:
        """Verdicts against norms and earlier trials (balance)."""
        found: list[Difference] = []
        for name, field in (("norms", "band"), ("asymmetry", "verdict"), ("follow_up", "verdict")):
            ours, theirs = (
                keyed((each.metric, getattr(each, field)) for each in getattr(page.balance, name))
                for page in self._sides
            )
            for metric, one, other in pairs(ours, theirs):
                found += self._whole("comparison", f"{name} {metric}", one or "", other or "", [])
        return found

    def _changed(self, prefixes: tuple[str, ...]) -> list[str]:
        """Rules of some kinds that fired, saw or did something else."""
        ours, theirs = self._traces
        return [rule for rule, a, b in pairs(ours, theirs) if rule.startswith(prefixes) and a != b]

    def _facts(self, rule: str) -> list[FactChange]:
        """What a rule saw differently; nothing where one side does not say."""
        once = rule in self._judged_once or rule.startswith(SKIN_RULES)
        if not (once and self._seen and all(rule in trace for trace in self._traces)):
            return []
        ours, theirs = (_saw(trace[rule]) for trace in self._traces)
        return [
            FactChange(name, before or "", after or "")
            for name, before, after in pairs(ours, theirs)
            if before != after
        ]


def _saw(entry: pb.TraceEntry) -> Mapping[str, str]:
    return dict(each.partition("=")[::2] for each in entry.saw)


def _status(page: pb.DecisionPage) -> str:
    return pb.DecisionStatus.Name(page.status).removeprefix("DECISION_STATUS_").lower()


def _skin(page: pb.DecisionPage) -> str:
    return pb.Fitzpatrick.Name(page.fitzpatrick_safe).removeprefix("FITZPATRICK_")


def _ink(ink: pb.InkDecision | None) -> str:
    """What the rules call an ink, and which classes it may be."""
    if ink is None:
        return ""
    candidates = ", ".join(each.ink_class for each in ink.candidates)
    basis = "" if ink.basis in ("", "class") else f" ({ink.basis.replace('_', ' ')})"
    return f"{ink.ink_class}{basis}" + (f", may be {candidates}" if candidates else "")


def _option(option: pb.WavelengthOption | None) -> str:
    """Status, the status behind a deferral, and rank."""
    if option is None:
        return ""
    status, behind = (
        pb.OptionStatus.Name(each).removeprefix("OPTION_STATUS_").lower()
        for each in (option.status, option.would_be)
    )
    told = status if behind in (status, "unspecified") else f"{status}, then {behind}"
    return f"{told}, rank {option.rank}" if option.rank else told


def _all(options: Iterable[pb.WavelengthOption]) -> str:
    """Every option of an ink in one line."""
    return "; ".join(f"{option.wavelength_nm} nm {_option(option)}" for option in options)


def _facts_of(one: pb.WavelengthOption | None, other: pb.WavelengthOption | None) -> list[FactChange]:
    """What an option's own table entries say differently."""
    if one is None or other is None:
        return []
    ours, theirs = (
        {"efficacy": str(o.efficacy), "evidence": o.evidence, "label": o.label, "skin gate": o.skin_gate}
        for o in (one, other)
    )
    return [FactChange(name, ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]]


def _same_flag(one: pb.RiskFlag, other: pb.RiskFlag) -> bool:
    return (one.id, _flag(one)) == (other.id, _flag(other))


def _flag(flag: pb.RiskFlag | None) -> str:
    """Severity, and the inks it concerns."""
    if flag is None:
        return ""
    return f"{flag.severity} ({', '.join(sorted(flag.ink_classes))})" if flag.ink_classes else flag.severity
