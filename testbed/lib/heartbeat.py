"""What the log of heartbeats says: where each guest ran, when it stood still, whether it ever ran twice."""

from dataclasses import dataclass, field

from base import read_text, state

# A live migration under emulation now and then loses the guest's last writes (see the README); what beats it had counted
# are then counted again. A guest that runs twice, or is resumed from old memory, repeats more, or at times of its own
# clock that it has shown before.
_LOST_BY_EMULATION = 1
_NEAR = 20  # beats: two seconds
# Two beats of different hosts this close are one guest handed over, seen by one poll; not two guests.
_OVERLAP_MS = 50


@dataclass
class Report:
    """One guest's heartbeats."""

    guest: str
    hosts: dict = field(default_factory=dict)   # host -> [first seq, last seq, beats]
    handovers: list = field(default_factory=list)  # at each change of host or boot: from, to, at_ms, gap_ms, restarted
    boots: int = 0
    longest_gap_ms: int = 0
    longest_gap_at_ms: int = 0
    longest_gap: str = ""                       # "host1" or "host1 -> host2"
    last_host: str = ""
    last_seq: int = 0
    last_beat_ms: int = 0
    double_runs: list = field(default_factory=list)  # one line of prose each


def parse(text, since_ms=0):
    """{guest: [(receive ms, host, seq, guest ms, boot)]} from the log's text, in the order of receipt."""
    guests = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and int(words[0]) >= since_ms:
            guests.setdefault(words[1], []).append((int(words[0]), words[2], int(words[3]), int(words[4]), words[5]))
    return {guest: sorted(beats, key=lambda beat: beat[0]) for guest, beats in sorted(guests.items())}


def analyse(guest, beats):
    """The report on one guest's beats, which are in the order of receipt and not empty."""
    report = Report(guest)
    for beat in beats:
        _count(report, beat)
    for earlier, later in zip(beats, beats[1:]):
        _compare(report, earlier, later)
    report.boots = len({beat[4] for beat in beats})
    report.last_beat_ms, report.last_host, report.last_seq = beats[-1][:3]
    report.double_runs = _same_beat_twice(beats) + _two_boots_at_once(beats)
    return report


def _count(report, beat):
    _, host, seq, _, _ = beat
    seen = report.hosts.setdefault(host, [seq, seq, 0])
    report.hosts[host] = [min(seen[0], seq), max(seen[1], seq), seen[2] + 1]


def _compare(report, earlier, later):
    gap = later[0] - earlier[0]
    if gap > report.longest_gap_ms:
        report.longest_gap_ms, report.longest_gap_at_ms = gap, earlier[0]
        report.longest_gap = earlier[1] if earlier[1] == later[1] else f"{earlier[1]} -> {later[1]}"
        if earlier[4] != later[4]:
            report.longest_gap += " (restarted)"
    if (earlier[1], earlier[4]) != (later[1], later[4]):
        report.handovers.append({"from": earlier[1], "to": later[1], "at_ms": earlier[0], "gap_ms": gap,
                                 "restarted": earlier[4] != later[4]})


def _same_beat_twice(beats):
    """One boot of a guest beats each number once; a number that two hosts appended is a guest that ran on both."""
    first, doubles = {}, {}
    for time, host, seq, _, boot in beats:
        seen = first.setdefault((boot, seq), (time, host))
        if seen[1] != host:
            doubles.setdefault((boot, seen[1], host), []).append((time, seq))
    doubles = {key: hits for key, hits in doubles.items() if not _lost_by_emulation(beats, key, [seq for _, seq in hits])}
    return [f"beats {hits[0][1]}..{hits[-1][1]} ({len(hits)}) came from {one} and from {other}, first at {hits[0][0]}"
            for (_, one, other), hits in doubles.items()]


def _lost_by_emulation(beats, key, seqs):
    """True when the guest counted on from an older number after a handover, and did nothing else twice."""
    boot, one, other = key
    if not _at_handover(beats, key, seqs[0], seqs[-1]):
        return False
    def clocks(host, numbers):
        return [clock for _, where, seq, clock, its_boot in beats if its_boot == boot and where == host and seq in numbers]
    goes_on = min(clocks(other, seqs)) > max(clocks(one, range(seqs[0] - _NEAR, seqs[-1] + _NEAR)))
    return len(seqs) <= _LOST_BY_EMULATION or goes_on


def _at_handover(beats, key, first, last):
    """True when the numbers just below come from the first host only, and those just above from the other only.

    Told by the numbers, not by the times: both copies may be stamped in the same millisecond. A third host, to which the
    guest goes on within that time, says nothing about these two.
    """
    boot, one, other = key
    near = [(number, host) for _, host, number, _, its_boot in beats
            if its_boot == boot and host in (one, other) and first - _NEAR <= number <= last + _NEAR]
    below, above = {host for number, host in near if number < first}, {host for number, host in near if number > last}
    return below <= {one} and above <= {other}


def _two_boots_at_once(beats):
    """Two boots of one guest whose times overlap are two running copies."""
    spans = {}
    for time, host, _, _, boot in beats:
        span = spans.setdefault(boot, [time, time, host])
        span[1] = time
    ordered = sorted(spans.values())
    return [f"two copies at once: on {one[2]} until {one[1]}, on {other[2]} from {other[0]}"
            for i, one in enumerate(ordered) for other in ordered[i + 1:] if one[1] > other[0] + _OVERLAP_MS]


def reports(since_ms=0):
    """A report for each guest in the log."""
    return [analyse(guest, beats) for guest, beats in parse(read_text(state("heartbeat", "log")), since_ms).items()]
