"""The bundle format (docs/bundle-format.md): plain Python, no Django, no database.

writing    writer.write_part -> publish -> write_sidecar -> write_latest
reading    envelope.take_copy -> check_envelope -> check_signature -> reader.read_header
           -> what the receiver knows (transfer's services) -> reader.open_payload
records    records (structs), streams.STREAMS (the table), codec (a record and its line)
faults     errors: every refusal is a BundleError with a code; describe(code) says what to do
"""
