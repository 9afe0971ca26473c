"""Which node may run the grid loop."""

from datetime import datetime, timedelta

from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.edits import drop_rows
from csms.store.rows import moment, table_of
from csms.store.statements import insert_into


class LeaderRow(SQLModel, table=True):
    """The holder of a role until `until`; taken over by whoever finds it run out."""

    __tablename__ = "leader"

    role: str = Field(primary_key=True)
    node: str
    until: datetime = Field(sa_column=moment(nullable=False))


LEADER = table_of(LeaderRow)


async def hold(conn: AsyncConnection, role: str, node: str, now: datetime, seconds: float) -> bool:
    """Take or renew a role for so many seconds; False while another node's time has not run out."""
    until = now + timedelta(seconds=seconds)
    statement = insert_into(conn.dialect.name, LEADER).values(role=role, node=node, until=until)
    free = or_(LEADER.c.node == node, LEADER.c.until <= now)
    taken = statement.on_conflict_do_update(
        index_elements=[LEADER.c.role], set_={"node": node, "until": until}, where=free
    ).returning(LEADER.c.node)
    return (await conn.execute(taken)).first() is not None


async def release(conn: AsyncConnection, role: str, node: str) -> None:
    """Give the role back, if this node holds it."""
    await drop_rows(conn, LeaderRow, {"role": role, "node": node})
