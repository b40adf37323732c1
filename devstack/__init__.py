"""Both sites on one bare machine: PostgreSQL and Valkey from wheels, each site's processes, the demo.

For developers, CI and a first look. A production host has its own PostgreSQL and Valkey, and uses docker/.
"""
