"""The metadata of an unpacked kit by the published validators: the research object (RO-Crate 1.1,
Provenance Run Crate) by roc-validator, and CITATION.cff by cffconvert.

Exit code: 0 both are valid; 1 one is not, each complaint in a line; 2 usage.
"""

import json
import sys
from pathlib import Path

import requests
from cffconvert.cli.create_citation import create_citation
from jsonschema.exceptions import ValidationError
from pykwalify.errors import SchemaError
from rocrate_validator import models, services

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "provenance-run-crate-0.5"
METADATA = "ro-crate-metadata.json"
# What the published context says of the terms that are no terms of schema.org.
OTHER_TERMS = {
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}


def terms_of(value, found):
    """Adds every key and type below `value` to the set `found`."""
    if isinstance(value, list):
        for one in value:
            terms_of(one, found)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "@type":
                found.update([one] if isinstance(one, str) else one)
            elif not key.startswith("@"):
                found.add(key)
            terms_of(one, found)


def context_of(metadata):
    """The published context, as far as the file uses it: a machine without a network has no other."""
    found = set()
    terms_of(metadata["@graph"], found)
    return {"@context": {t: OTHER_TERMS.get(t, f"http://schema.org/{t}") for t in sorted(found)}}


def answer_for_the_context(metadata):
    """Lets a request for the context succeed where there is no network."""
    send = requests.adapters.HTTPAdapter.send

    def answered(self, request, **options):
        try:
            return send(self, request, **options)
        except requests.exceptions.ConnectionError:
            if request.url != CONTEXT:
                raise
            response = requests.Response()
            response.status_code = 200
            response.url = request.url
            response.request = request
            response.headers["Content-Type"] = "application/ld+json"
            response._content = json.dumps(context_of(metadata)).encode()
            return response

    requests.adapters.HTTPAdapter.send = answered


def research_object(kit):
    """The complaints about the research object."""
    answer_for_the_context(json.loads((kit / METADATA).read_text(encoding="utf-8")))
    settings = services.ValidationSettings(
        rocrate_uri=str(kit),
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.REQUIRED,
        no_cache=True,
    )
    result = services.validate(settings)
    return [f"{METADATA}: {issue.message}" for issue in result.get_issues()]


def citation(kit):
    """The complaints about CITATION.cff."""
    try:
        create_citation(str(kit / "CITATION.cff"), None).validate()
    except (ValidationError, SchemaError, ValueError) as error:
        return [f"CITATION.cff: {error}"]
    return []


def main(arguments):
    if len(arguments) != 1:
        print("usage: kit_metadata.py KIT", file=sys.stderr)
        return 2
    kit = Path(arguments[0]).resolve()
    complaints = research_object(kit) + citation(kit)
    for complaint in complaints:
        print(complaint)
    print(f"{kit.name}: {len(complaints)} complaints of roc-validator and cffconvert")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
