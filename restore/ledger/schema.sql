-- The ledger: events are the truth and are only ever added; step and tally are sums over them, kept in the same
-- transaction so that a status need not read a million events.

CREATE TABLE event (
  seq      INTEGER PRIMARY KEY,  -- 1, 2, 3 … without a gap
  at       TEXT NOT NULL,        -- UTC, 2026-11-24T03:15:42.123456Z
  epoch    INTEGER NOT NULL,     -- the coordinator's fencing token
  kind     TEXT NOT NULL,
  key      TEXT NOT NULL,        -- step key, or item id for the queue's events
  job      TEXT NOT NULL,
  work     TEXT NOT NULL,        -- the job's kind: look, mail, database, account, undo
  customer TEXT NOT NULL,
  subject  TEXT NOT NULL,        -- server/kind/name
  operator TEXT NOT NULL,
  origin   TEXT NOT NULL,        -- where the operator's name came from
  uid      INTEGER NOT NULL,
  pid      INTEGER NOT NULL,
  host     TEXT NOT NULL,
  body     TEXT NOT NULL,        -- the whole event, codec.py
  hash     BLOB NOT NULL         -- SHA-256 over the previous event's hash and this event's canonical text
) STRICT;

CREATE INDEX event_at ON event (at);
CREATE INDEX event_kind ON event (kind);
CREATE INDEX event_customer ON event (customer);
CREATE INDEX event_operator ON event (operator);

CREATE TRIGGER event_in_order BEFORE INSERT ON event BEGIN
  SELECT RAISE(ABORT, 'epoch over')
   WHERE NEW.epoch < (SELECT epoch FROM event ORDER BY seq DESC LIMIT 1);
  SELECT RAISE(ABORT, 'events are only ever added at the end')
   WHERE NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event);
END;

CREATE TRIGGER event_never_changed BEFORE UPDATE ON event BEGIN
  SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER event_never_deleted BEFORE DELETE ON event BEGIN
  SELECT RAISE(ABORT, 'events are never deleted');
END;

-- Where each step stands: its latest event (an abandoned step that had been done stays done).
CREATE TABLE step (
  key  TEXT PRIMARY KEY,
  seq  INTEGER NOT NULL,
  kind TEXT NOT NULL,
  work TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX step_kind ON step (kind, seq);

-- How many steps of each kind of work stand where.
CREATE TABLE tally (
  work  TEXT NOT NULL,
  kind  TEXT NOT NULL,
  steps INTEGER NOT NULL,
  PRIMARY KEY (work, kind)
) STRICT, WITHOUT ROWID;
