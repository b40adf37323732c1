"""Fields and values of the sample dataset ``contracts``, and some that are near them, for made-up requests."""

from __future__ import annotations

FIELDS = {
    "contract_number": "keyword",
    "business_category": "keyword",
    "title": "text",
    "notice_title": "text",
    "contractor": "keyword",
    "contractor.text": "text",
    "organization": "keyword",
    "organization.text": "text",
    "area": "keyword",
    "area.text": "text",
    "amount": "double",
    "award_date": "date",
}
TEXT = [name for name, type_ in FIELDS.items() if type_ == "text"]
KEYWORD = [name for name, type_ in FIELDS.items() if type_ == "keyword"]
COLUMNS = [*KEYWORD, "amount", "award_date"]

WORDS = ["flood", "control", "structure", "river", "drainage", "construction", "rehabilitation", "revetment", "slope"]
WORDS += ["protection", "bulacan", "mitigation", "along", "barangay", "city", "phase", "dike", "creek", "bank", "san"]
WORDS += ["norte", "sur", "manila", "cebu", "office", "wall", "construction's", "UPSTREAM", "Pampanga", "nowhere"]
TYPOS = ["floood", "contrl", "drianage", "revetmant", "bulakan", "struct", "rivr", "pampangga", "dik", "ab"]
EXACT = {
    "contractor": ["QM BUILDERS", "WAWAO BUILDERS", "qm builders", "L.R. TIQUI BUILDERS, INC.", "SUNWEST", "Ñ & \\*?"],
    "organization": ["Bulacan 1st District Engineering Office", "Region I", "Tarlac District Engineering Office", ""],
    "area": ["BULACAN, Region III", "TARLAC, Region III", "DAVAO DEL SUR, Region XI", "Region III"],
    "contract_number": ["21CC0292", "23NA0007", "24CI0001", "24cg0009", "22MH0032"],
    "business_category": ["Flood Control", "flood control", "Roads"],
}
PATTERNS = {
    "contractor": ["QM*", "L?R. T*", "*".join("AB"), "WAWAO BUILD???", "St\\*"],
    "organization": ["Bulacan*", "Metro * 1st*", "region ?", "*".join(["B", "an 1st", "Office"])],
    "area": ["BULACAN*", "C*Region III", "?".join(["TARLA", ", Region III"])],
    "contract_number": ["23*", "24C?00*", "2?NA0007"],
    "business_category": ["Flood*", "F???d Control"],
}
WORD_PATTERNS = ["flood*", "con*tion", "riv?r", "bul*", "d?k*", "reve?m*t", "z*x*"]
AMOUNTS = [0, 1000000, 4950000.0, "4950000", 9649994e1, "1e7", 49_000_000, 5e7, 96499940.4, "96499990.36", 1.5e8, -1]
DAYS = ["2022-07-01", "2022-12-12", "2023-01-01", "2023-07-03", "2023-12-15", "2024-02-29", "2024-06-24", "2025-05-30"]
MOMENTS = [*DAYS, "2023-12-15T00:00:00Z", "2024-02-29T08:30+08:00", "2023-07-03T00:00:00.000+03:30", 1702598400000]
MINIMA = [1, 2, -1, "2", "75%", "-25%", "2<75%", "1<-1 3<50%", "0", 5]
ZONES = ["+08:00", "-05:00", "+0330", "Asia/Manila", "America/New_York", "UTC", "Z"]
