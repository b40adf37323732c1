"""From a mapping to tantivy's schema, and from a document to what tantivy stores.

Inner names: ``_row`` numbers the documents in the order they came, so that answers are ordered as Elasticsearch's
and columns can be plain lists; ``_present`` lists the fields that have a value (``exists``); ``_source`` is the
document as JSON; ``f0``, ``f1`` ... are the mapping's fields, whose own names tantivy might not bear. Dates are
epoch milliseconds: integers compare exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import tantivy

from response_site.search.documents import field_values
from response_site.search.engine import ENGINE_ERROR, EngineFailure, Mapping, QueryFailedError
from response_site.search.mapping import Field, flatten
from response_site.search.tantivy_engine.analyzer import KEYWORD, STANDARD

ROW = "_row"
ID = "_id"
SOURCE = "_source"
PRESENT = "_present"

# Two values of one field lie this far apart, so that no phrase spans them (Lucene's position_increment_gap).
VALUE_GAP = 100


class KnownFields(dict[str, Field]):
    """Fields by name; one that isn't there ends the search, not the process: the index was loaded anew since."""

    def __missing__(self, name: str) -> Field:
        raise QueryFailedError(
            EngineFailure(ENGINE_ERROR, f'The index has no field "{name}" any more.', retryable=False)
        )


@dataclass(frozen=True)
class IndexSchema:
    """A mapping's fields, the tantivy schema made of them, and each field's inner name."""

    fields: KnownFields
    inner: dict[str, str]
    tantivy: tantivy.Schema


def build_schema(mapping: Mapping) -> IndexSchema:
    """The schema for a mapping; the same mapping always gives the same. Raises IndexWriteError."""
    fields = flatten(mapping)
    inner = {name: f"f{number}" for number, name in enumerate(fields)}
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(ROW, stored=True, indexed=True, fast=True)
    builder.add_text_field(ID, stored=True, tokenizer_name=KEYWORD, index_option="basic")
    builder.add_bytes_field(SOURCE, stored=True)
    builder.add_text_field(PRESENT, tokenizer_name=KEYWORD, index_option="basic")
    for name, field in fields.items():
        if field.is_text:
            builder.add_text_field(inner[name], tokenizer_name=STANDARD, index_option="position")
        elif field.is_keyword:
            builder.add_text_field(inner[name], tokenizer_name=KEYWORD, index_option="basic")
        elif field.is_float:
            builder.add_float_field(inner[name], indexed=True)
        else:
            builder.add_integer_field(inner[name], indexed=True)
    return IndexSchema(KnownFields(fields), inner, builder.build())


def build_document(schema: IndexSchema, row: int, document_id: str, source: dict[str, Any]) -> tantivy.Document:
    """What is indexed for one document. Raises DocumentError when it doesn't fit the mapping."""
    document = tantivy.Document()
    document.add_unsigned(ROW, row)
    document.add_text(ID, document_id)
    document.add_bytes(SOURCE, msgspec.json.encode(source))
    for name, values in field_values(schema.fields.values(), source).items():
        field, inner = schema.fields[name], schema.inner[name]
        document.add_text(PRESENT, name)
        for value in values:
            if isinstance(value, str):
                document.add_text(inner, value)
            elif field.is_float:
                document.add_float(inner, value)
            else:
                document.add_integer(inner, int(value))
    return document
