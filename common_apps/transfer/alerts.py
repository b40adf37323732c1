"""What transfer tells the operators: each code with its meaning and its cure."""

from __future__ import annotations

from common_apps.core.alerts import AlertKind

SITE_ROLLED_BACK = "site_rolled_back"
BATCH_CONFLICT = "batch_conflict"
RECORD_CONFLICT = "record_conflict"
HELD_HERE = "bundle_held"
HELD_BY_PEER = "bundle_held_by_peer"
REFUSED_BY_PEER = "state_refused_by_peer"
MASS_REMOVAL = "mass_removal"
KEY_ANNOUNCED = "key_announced"
BOX_KEY_UNUSABLE = "box_key_unusable"
UNBELIEVABLE_VERSION = "unbelievable_version"

KINDS = (
    AlertKind(
        code=SITE_ROLLED_BACK,
        level="critical",
        lasting=False,
        title="This site was put back from a backup",
        meaning=(
            "The other site has seen more of this site than this site knows itself. By itself, with ordinary trips, "
            "comes back whatever had crossed: questions with their answers (marked recovered), and what the other site "
            "sends. What can't come back is what was written here after the backup and had never been carried."
        ),
        cure=(
            "Make two trips both ways. Then ask the users to look through their questions and to ask again what is "
            "missing; on the response site make users, profile types and settings again that were changed since the "
            "backup. If nobody has put a backup back, find out who did: docs/operations.md, disaster recovery."
        ),
    ),
    AlertKind(
        code=BATCH_CONFLICT,
        level="critical",
        lasting=False,
        title="Two bundles with one id",
        meaning=(
            "A bundle came whose id is known here with other bytes, and both are signed with a key of the other site. "
            "Only a stolen key or a bug does that. The second one lies in quarantine; nothing of it was applied."
        ),
        cure=(
            "Call the other site's operator and compare both checksums with its batches. If it did not write both, its "
            "signing key is stolen: there `keys rotate --signing`, here `keys revoke` of the old one."
        ),
    ),
    AlertKind(
        code=RECORD_CONFLICT,
        level="warning",
        lasting=False,
        title="Records with known ids and another content",
        meaning=(
            "Some records of a bundle have ids that are known, where it was applied, with another content. The first "
            "ones stand, these were set aside, and both sites are told; the rest of the bundle was applied."
        ),
        cure="Compare the records on both sites. Their askers may ask again: their requests fail with this code.",
    ),
    AlertKind(
        code=HELD_HERE,
        level="warning",
        lasting=True,
        title="A bundle of the other site is held in quarantine",
        meaning=(
            "It is authentic, but something in its signed bytes is wrong for this site, so nothing of it was applied. "
            "The other site has been told, and does not carry it again meanwhile."
        ),
        cure="See `quarantine show`. Release it once the reason is gone (an upgrade, a limit), or discard it.",
    ),
    AlertKind(
        code=HELD_BY_PEER,
        level="warning",
        lasting=True,
        title="The other site holds a bundle of ours in quarantine",
        meaning="Something in its signed bytes is wrong for the other site; it is not carried again meanwhile.",
        cure="The operators there release or discard it; give them the code. It ends with the next trip after that.",
    ),
    AlertKind(
        code=REFUSED_BY_PEER,
        level="warning",
        lasting=True,
        title="The other site refuses a state of ours",
        meaning="The newest version is not applied there, and is not carried again until a newer one is written.",
        cure="The operators there release or discard it, or a newer version replaces it; give them the code.",
    ),
    AlertKind(
        code=MASS_REMOVAL,
        level="critical",
        lasting=True,
        title="A users bundle would deactivate more than half of all users",
        meaning="It lies in quarantine, and the users here stay as they are until somebody has decided.",
        cure=(
            "Ask the response site's operator whether that is meant (or a backup was put back there). Then release the "
            "bundle, or discard it."
        ),
    ),
    AlertKind(
        code=KEY_ANNOUNCED,
        level="warning",
        lasting=True,
        title="The other site announces a new signing key",
        meaning="Its bundles are signed with the one before until somebody here has confirmed the new one.",
        cure=(
            "Call the other site's operator, compare the words of the key, then confirm it (`keys confirm`). If nobody "
            "there has made a key, the one before is stolen: revoke both; see docs/keys.md."
        ),
    ),
    AlertKind(
        code=BOX_KEY_UNUSABLE,
        level="critical",
        lasting=True,
        title="The other site announces box keys that can't be used",
        meaning="Nothing can be encrypted to them. What can be used is used: another announced key, or the one before.",
        cure="Call the other site's operator: only a bug or a stolen signing key announces such; see docs/keys.md.",
    ),
    AlertKind(
        code=UNBELIEVABLE_VERSION,
        level="critical",
        lasting=False,
        title="The other site names a version that can't be",
        meaning="It says that it has heeded holdings which no site comes to write. That was not taken in.",
        cure="Call the other site's operator: only a bug or a stolen signing key says so; see docs/keys.md.",
    ),
)
