"""The places of export, import and carry between which a crash can be thought of (common_apps.core.failpoints)."""

EXPORT_POINTS = {
    "export.claimed": "T1 is committed: the rows are pinned, no file is there",
    "export.part_written": "the .part is written and verified, it has no name yet",
    "export.cut": "rows that found no room are given back, the file has no name yet",
    "export.named": "the bundle has its final name, and no sidecar",
    "export.sidecar_written": "the sidecar is there, latest.json is not",
    "export.published": "all files are there, T2 has not begun",
    "export.completing": "inside T2, before it commits",
    "export.completed": "T2 is committed",
    "export.failing": "what there was of the file is gone, its rows are not given back yet",
    "export.tidying": "before a confirmed or superseded file leaves EXPORT_DIR",
}
IMPORT_POINTS = {
    "import.copied": "the private copy is whole",
    "import.verified": "everything was read and validated, nothing is entered",
    "import.entering": "inside the transaction, before it commits",
    "import.committed": "the rows are entered, nobody was woken, nothing archived",
    "import.woken": "whoever comes next was woken, the copy is not archived",
    "import.archived": "the copy is archived, the file still lies in IMPORT_DIR",
    "import.leaving": "the data left IMPORT_DIR, the sidecar did not",
    "import.quarantining": "the copy lies in the quarantine without its reason, its row is not written",
    "import.quarantined": "the copy lies in the quarantine, its row is not written",
    "holdings.heeding": "inside the transaction of holdings, every bundle judged",
    "holdings.tidying": "holdings are heeded, no file was moved yet",
}
KEY_POINTS = {
    "keys.box_written": "the new box key is there, the older one still calls itself active",
    "keys.signing_written": "the new signing key is there",
    "keys.trust_written": "trust.json is replaced",
    "keys.retired": "one key is retired, the next is not",
    "keys.changed": "the files are changed, the database and its audit are not",
}
CARRY_POINTS = {
    "carry.taken": "a bundle was copied off the stick, and not imported",
    "carry.imported": "all that has come is imported",
    "carry.exported": "all that has to go is exported, nothing of it is on the stick",
    "carry.part_written": "a .part is on the stick, not read back",
    "carry.read_back": "it was read back, and has no name yet",
    "carry.named": "a bundle, or a sidecar, has its final name",
    "carry.written": "all that has to go is on the stick, and nothing old has left it",
    "carry.removing": "before an old file leaves the stick",
    "carry.tidied": "the stick holds what has to go, the rows don't say so",
    "carry.recorded": "the rows say so",
}
RETENTION_POINTS = {
    "retention.export_removed": "a confirmed bundle's file is gone, its row does not say so",
    "retention.import_removed": "an applied bundle's copy is gone, its row does not say so",
}
QUARANTINE_POINTS = {
    "quarantine.discarding": "what was never held is gone, its row does not say so",
    "quarantine.discarded": "a held bundle is discarded, its file is still there",
    "quarantine.removing": "a file left the quarantine, its reason did not",
}
POINTS = EXPORT_POINTS | IMPORT_POINTS | QUARANTINE_POINTS | RETENTION_POINTS | CARRY_POINTS | KEY_POINTS
