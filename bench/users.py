"""How much memory a site's services take to write a users snapshot of 1 GiB, and to apply it, database and all."""

from bench.cycle import drive
from bench.measure import Ratio
from bench.memory import growth_ratio
from devstack.home import Home

# Of 3.5 KB each, with texts as long as they may be. As many bytes of small ones take seven times as long.
USERS = 310_000

# Four bytes a character.
_FILL = """
    INSERT INTO users (id, username, email, hashed_password, full_name, role, profile_type, overrides, priority,
                       rate_limit_per_minute, rate_limit_per_hour, rate_limit_per_day, is_active, created_at,
                       updated_at, absent, dirty)
    SELECT uuidv7(), 'bench' || n, long, long, long, 'user', 'basic', '{}', 5, 10, 100, 500, true, now(), now(), false,
           true
    FROM generate_series(1, %s) AS n, repeat(chr(131072 + n %% 40000), 255) AS long
"""


def run(home: Home) -> list[Ratio]:
    """The growth of both sites' processes against the ceiling; one run each. The users stay."""
    with drive(home.response) as response, drive(home.request) as request:
        # What is loaded only once is loaded.
        request.do("import", paths=response.do("export", stream="holdings", full=True)["paths"])
        with home.response.connect() as connection:
            connection.execute(_FILL, [USERS])
        idle = response.peak()
        written = response.do("export", stream="users", full=True)
        exporting = response.peak() - idle
        idle = request.peak()
        applied = request.do("import", paths=written["paths"])
        importing = request.peak() - idle
    return [
        growth_ratio(
            f"a site's {word} of a users snapshot of 1 GiB", growth, notes={"users": f"{USERS:,}", "s": seconds}
        )
        for word, growth, seconds in (
            ("export", exporting, f"{written['ms'] / 1000:.0f}"),
            ("import", importing, f"{applied['ms'] / 1000:.0f}"),
        )
    ]
