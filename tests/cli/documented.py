#!/usr/bin/python3
"""What the programs' --help names is in their manual pages, and the other way round; bash offers every verb and option; and
the commands and files that the documentation shows are valid.

    documented.py MANUAL_FOLDER PROGRAM...        MANUAL_FOLDER has the pages as docs/man/generate writes them; - for none
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SECTIONS = {"ballastd": 8, "ballast-powerd": 8, "ballast-health": 8, "ballastctl": 1, "ballast-sim": 1}
failures = []


def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        failures.append(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def walk(program, verbs=()):
    """Pairs of each verb (a tuple of words, empty for the program itself) and its options, by --help."""
    text = said(program, *verbs, "--help")
    options = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", text, re.M)) | set(re.findall(r"^  -\w,(--[a-z-]+)", text, re.M))
    yield verbs, options
    for verb in re.findall(r"^  ([a-z-]+) ", text.partition("\nSubcommands:\n")[2].partition("\n\n")[0] + " ", re.M):
        yield from walk(program, verbs + (verb,))


def check_manual(page, name, verbs):
    text = re.sub(r"\\f[A-Z]+|\\f\[[A-Z]+\]|\\", "", page.read_text(encoding="utf-8"))
    known = set().union(*(options for _, options in verbs))
    for verb, options in verbs:
        for word in verb:
            if not re.search(rf"\b{word}\b", text):
                failures.append(f"{page.name} does not name the verb {' '.join(verb)}")
        for option in options:
            if not re.search(rf"{option}(?![\w-])", text):
                failures.append(f"{page.name} does not name {option} of {name} {' '.join(verb)}")
    for option in set(re.findall(r"(?m)^(?:-\w, )?(--[a-z][a-z-]*)", text)) - known:
        failures.append(f"{page.name} has {option}, which {name} does not know")


def offered(shell_script, words):
    """What bash would offer behind the words, the last one of which is unfinished."""
    asked = " ".join(f"'{word}'" for word in words)
    script = f"COMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; _ballastctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return set(said("bash", "-c", shell_script + "\ncompopt() { :; }\n" + script).split())


def check_completion(program, verbs):
    script = said(program, "completion", "bash")
    for verb, options in verbs:
        if verb and verb[-1] not in offered(script, [program, *verb[:-1], ""]):
            failures.append(f"bash does not offer {' '.join(verb)}")
        if missing := options - offered(script, [program, *verb, "--"]):
            failures.append(f"bash does not offer {sorted(missing)} behind {' '.join(verb)}")


def shown_commands(name):
    """Triples of page, line and words of each command of the program that is shown as code."""
    for page in sorted([SOURCE / "README.md", *SOURCE.glob("docs/*.md"), *SOURCE.glob("docs/man/*.md")]):
        fenced = False
        for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
            fenced ^= line.lstrip().startswith("```")
            pieces = [line] if fenced or line.startswith("    ") else re.findall(r"`([^`]*)`", line)
            for piece in pieces:
                for said_there in re.findall(rf"(?:^|[\s(]){name} ((?:[^\s|;&#()]+ ?)+)", piece):
                    yield page.name, number, said_there.split()


def check_commands(name, verbs):
    known = dict(verbs)
    for page, number, words in shown_commands(name):
        verb, rest = (), [word.strip("[],.:") for word in words]
        while rest and verb + (rest[0],) in known:
            verb += (rest.pop(0),)
        if len(known) > 1 and not verb and rest and re.fullmatch(r"[a-z][a-z-]+", rest[0]) and rest[0] not in ("completion", "help"):
            failures.append(f"{page}:{number}: {name} has no verb {rest[0]}")
        for option in (word for word in rest if re.fullmatch(r"--[a-z-]+", word)):
            if option not in known[verb] | known[()]:
                failures.append(f"{page}:{number}: {name} {' '.join(verb)} has no option {option}")


# What a block of a page leaves to its reader: the machine it is for, hosts that stand elsewhere, and files of others.
LEFT_OPEN = re.compile(r"none of the `hosts` is called|names the host `")
OF_OTHERS = re.compile(r"^(# prometheus.yml|theme:)")


def problems_of(folder, program, block, *words):
    """What the program says against a file with the block; empty when nothing."""
    file = pathlib.Path(folder) / "shown.yaml"
    file.write_text(block, encoding="utf-8")
    done = subprocess.run([program, *words, str(file)], capture_output=True, text=True, check=False, timeout=60)
    return [] if done.returncode == 0 else done.stderr.strip().split("\n")


def check_files(ballastd, ballastctl):
    """Every YAML block is a policy, or a daemon's file."""
    checked = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in sorted([SOURCE / "README.md", *SOURCE.glob("docs/*.md")]):
            text = page.read_text(encoding="utf-8")
            for found in re.finditer(r"^( *)```yaml\n(.*?)^ *```", text, re.M | re.S):
                block = textwrap.dedent(found.group(2))
                if OF_OTHERS.match(block):
                    continue
                checked += 1
                as_policy = problems_of(folder, ballastctl, block, "policy", "check")
                as_daemon = problems_of(folder, ballastd, block + "\npolicy_dir: /nonexistent\n", "--check", "--config")
                if as_policy and any(not LEFT_OPEN.search(problem) for problem in as_daemon):
                    failures.append(f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}: neither a policy ({as_policy[0]}) "
                                    f"nor a daemon's file ({as_daemon[0]})")
    if checked < 20:
        failures.append(f"only {checked} files were found in the documentation, which cannot be all")


def main(manual, programs):
    looked_at = 0
    for program in programs:
        name = pathlib.Path(program).name
        verbs = list(walk(program))
        looked_at += len(verbs)
        if manual != "-":
            check_manual(pathlib.Path(manual) / f"{name}.{SECTIONS[name]}", name, verbs)
        check_commands(name, verbs)
        if name == "ballastctl":
            check_completion(program, verbs)
    paths = {pathlib.Path(program).name: program for program in programs}
    check_files(paths["ballastd"], paths["ballastctl"])
    if looked_at < len(programs) + 20:
        failures.append(f"only {looked_at} verbs were found, which cannot be all")
    print("\n".join(failures) or f"{looked_at} verbs of {len(programs)} programs are documented and completed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
