#!/usr/bin/python3
"""What Ballast writes is valid under its own JSON schema, and what it refuses for its form is not. Takes the program that
prints a record (test_interchange's hidden case) as its argument. Skipped where python3-jsonschema is missing."""
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed: skipped")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    schema = json.loads((ROOT / "interchange/inventory.schema.json").read_text())
    newest = getattr(jsonschema, "Draft202012Validator", jsonschema.Draft7Validator)
    newest.check_schema(schema)
    validator = newest(schema)
    printed = subprocess.run([sys.argv[1], "[.records]"], check=True, capture_output=True, text=True).stdout
    records = [json.loads(line) for line in printed.splitlines() if line.startswith('{"format"')]
    assert len(records) >= 20, f"only {len(records)} records"
    for record in records:
        validator.validate(record)
    for spoil in (lambda r: r["inventory"]["hosts"][0]["facts"].update(cpus=-1),
                  lambda r: r["inventory"]["hosts"][0]["facts"].pop("cpus"),
                  lambda r: r.update(strange=1),
                  lambda r: r.update(format="ballast-inventory/0"),
                  lambda r: r["inventory"]["vms"][0].update(state="asleep")):
        record = json.loads(json.dumps(records[0]))
        spoil(record)
        assert not validator.is_valid(record)
    print(f"{len(records)} records are valid")


if __name__ == "__main__":
    main()
