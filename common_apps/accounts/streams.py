"""The users and profile_types streams: snapshots out on the master, and in on the replica, mirrored row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, CharField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from common_apps.accounts.mastership import replica_import
from common_apps.accounts.models import ProfileType, User
from common_apps.core.binary_copy import copy_rows, pack_uuid
from common_apps.core.pages import in_pages
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.registry import Deactivated, Described

_CHUNK = 1000
# Wire field -> attribute of the model, for each replicated column.
USER_FIELDS = {
    "id": "id",
    "username": "username",
    "email": "email",
    "hashed_password": "password",
    "full_name": "full_name",
    "role": "role",
    "profile_type": "profile_type_id",
    "overrides": "overrides",
    "rate_limit_per_minute": "rate_limit_per_minute",
    "rate_limit_per_hour": "rate_limit_per_hour",
    "rate_limit_per_day": "rate_limit_per_day",
    "priority": "priority",
    "is_active": "is_active",
    "deleted_at": "deleted_at",
}
PROFILE_FIELDS = (
    "id",
    "name",
    "rate_limit_per_minute",
    "rate_limit_per_hour",
    "rate_limit_per_day",
    "priority",
    "soft_limit_percent",
    "max_size",
)


def user_lines() -> Iterator[bytes]:
    """Every user who is not absent as a canonical line, by id: what a snapshot holds and a digest is made of.

    Both sites tell the digest from these lines, so they must depend on replicated columns alone.
    """
    return _lines(User.objects.filter(absent=False))


def _lines(users: QuerySet[User]) -> Iterator[bytes]:
    for user in in_pages(users, size=_CHUNK):
        yield encode_record(records.User(**{wire: getattr(user, attribute) for wire, attribute in USER_FIELDS.items()}))


def enter_users(entering: Sequence[records.User], *, at: datetime) -> int:
    """Creates or changes these users, by id, and leaves all others alone; how many rows changed.

    Names may pass from one to another: the unique rule is looked at when the transaction ends.
    """
    ids = [record.id for record in entering]
    known = {user.pk: user for user in User.objects.filter(pk__in=ids)}
    changed = [user for record in entering if (user := _changed_user(record, known.get(record.id))) is not None]
    with replica_import():
        for user in changed:
            user.synced_at = at
        User.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*_USER_COLUMNS, "absent", "synced_at", "updated_at"],
        )
        User.objects.filter(pk__in=ids).update(synced_at=at)
    return len(changed)


_IS_NOT_LISTED = RawSQL("NOT EXISTS (SELECT FROM listed WHERE listed.id = users.id)", [], output_field=BooleanField())
_DEACTIVATED = "SELECT count(*) FROM active_before JOIN users USING (id) WHERE NOT is_active OR absent"
_USER_COLUMNS = ["profile_type" if name == "profile_type_id" else name for name in USER_FIELDS.values() if name != "id"]


def _changed_user(record: records.User, user: User | None) -> User | None:
    """The user as the record has it, None when nothing differs."""
    wanted = {attribute: getattr(record, wire) for wire, attribute in USER_FIELDS.items()}
    if user is None:
        return User(**wanted, absent=False)
    if not user.absent and all(getattr(user, attribute) == value for attribute, value in wanted.items()):
        return None
    for attribute, value in wanted.items():
        setattr(user, attribute, value)
    user.absent = False
    return user


class UsersSender:
    """The master's end of ``users``."""

    def snapshot(self) -> Iterator[bytes]:
        """All users as canonical lines, sorted by id."""
        return user_lines()

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        """Notes in which version each changed user travelled.

        It belongs into the transaction that read the snapshot: under REPEATABLE READ a user who changes in between
        then stops it, where in a later transaction that change would lose its mark, and no delta would bring it.
        """
        User.objects.filter(dirty=True).update(dirty=False, sent_seq=seq)

    def delta(self, *, since: int) -> Iterator[bytes]:
        """Users who have changed since any version, who travelled above ``since``, or never yet; sorted by id."""
        return _lines(User.objects.filter(Q(dirty=True) | Q(sent_seq=None) | Q(sent_seq__gt=since), absent=False))


class UsersReceiver:
    """The replica's end of ``users``: the one way in which a user is ever written there."""

    def apply_snapshot(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Makes the users here those of the snapshot; how many rows changed.

        One that the snapshot lacks is deactivated and marked absent; its name becomes its id, so that the name is free.
        """
        changed = 0
        with _temporary_table("listed", "(id uuid)"):
            for chunk in _chunks(records):
                changed += enter_users(chunk, at=at)
                copy_rows("listed", ["id"], [pack_uuid(record.id) for record in chunk])
            with replica_import():
                changed += User.objects.filter(_IS_NOT_LISTED, absent=False).update(
                    is_active=False, absent=True, username=Cast("id", CharField()), synced_at=at, updated_at=at
                )
        _check_names_now()
        return changed

    def apply_delta(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Creates or changes the users of the delta and leaves all others alone; how many rows changed."""
        changed = sum(enter_users(chunk, at=at) for chunk in _chunks(records))
        _check_names_now()
        return changed

    def lines(self) -> Iterator[bytes]:
        """Every user here as the master's snapshot has them."""
        return user_lines()

    @contextmanager
    def watch_active(self) -> Iterator[Callable[[], Deactivated]]:
        """Counts users who may log in, and those who may no more."""
        with _temporary_table("active_before", "AS SELECT id FROM users WHERE is_active AND NOT absent") as active:
            yield lambda: Deactivated(active, _count(_DEACTIVATED))

    def describe(self) -> Iterator[tuple[UUID, Described]]:
        """Every user here, absent ones too."""
        for user in in_pages(User.objects.all(), size=_CHUNK):
            content = hash(tuple(str(getattr(user, attribute)) for attribute in USER_FIELDS.values()))
            yield user.pk, Described(user.username, user.is_active and not user.absent, content)

    def after_commit(self, changed: int) -> None:
        """Nobody waits for users."""


def _chunks(records: Iterable[Any]) -> Iterator[list[Any]]:
    coming = iter(records)
    while chunk := list(islice(coming, _CHUNK)):
        yield chunk


@contextmanager
def _temporary_table(name: str, definition: str) -> Iterator[int]:
    """For the block, which is rolled back as a whole when it fails: of as many users as may come, not even the ids need
    be in this memory. Gives the number of its rows. Both texts are our own words.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} {definition}")
        yield max(cursor.rowcount, 0)
        cursor.execute(f"DROP TABLE {name}")


def _count(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _check_names_now() -> None:
    """Looks at the deferred rule here, so that an error is met where transfer expects one, and not in COMMIT."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS users_username_unique IMMEDIATE")
        cursor.execute("SET CONSTRAINTS users_username_unique DEFERRED")


class ProfileTypesSender:
    """The master's end of ``profile_types``. ``indices_by_profile`` tells the names of the indices each may ask."""

    def __init__(self, *, indices_by_profile: Callable[[], Mapping[str, Sequence[str]]]) -> None:
        self._indices_by_profile = indices_by_profile

    def snapshot(self) -> Iterator[bytes]:
        """All profile types, sorted by id."""
        indices = self._indices_by_profile()
        for profile in ProfileType.objects.order_by("id"):
            yield encode_record(
                records.ProfileType(
                    **{name: getattr(profile, name) for name in PROFILE_FIELDS},
                    indices=sorted(indices.get(profile.name, ())),
                )
            )

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        """Nothing to note: profile types always travel whole."""


class ProfileTypesReceiver:
    """The replica's end of ``profile_types``. Their ``indices`` are left: the catalogue's whitelist counts here."""

    def apply_snapshot(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Makes the profile types here those of the snapshot; how many rows changed.

        Changed ones are taken out and put in again, so that two may swap names. Users keep theirs meanwhile: they know
        a profile by its name, and no constraint asks for it.
        """
        wanted = {record.id: {name: getattr(record, name) for name in PROFILE_FIELDS} for record in records}
        here = {profile["id"]: profile for profile in ProfileType.objects.values(*PROFILE_FIELDS)}
        stale = [key for key, profile in here.items() if wanted.get(key) != profile]
        entering = [ProfileType(**profile) for key, profile in wanted.items() if here.get(key) != profile]
        with replica_import(), connection.cursor() as cursor:
            # In SQL: Django's delete() would ask the users first, and those may be the newer ones.
            cursor.execute("DELETE FROM profile_types WHERE id = ANY(%s)", [stale])
            ProfileType.objects.bulk_create(entering)
        return len({*stale, *(profile.pk for profile in entering)})

    def after_commit(self, changed: int) -> None:
        """Nobody waits for profile types."""
