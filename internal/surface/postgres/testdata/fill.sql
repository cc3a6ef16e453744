-- A database with everything that a snapshot must bring back the same.
CREATE ROLE "Owner, the 1st" LOGIN PASSWORD 'it''s a \secret';
CREATE ROLE reader NOLOGIN;
CREATE ROLE writer IN ROLE reader;
ALTER ROLE reader SET work_mem = '8MB';
COMMENT ON ROLE reader IS E'reads; it''s\nall \\ it does';

CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION pgcrypto;

CREATE SCHEMA app AUTHORIZATION "Owner, the 1st";
CREATE SCHEMA "Odd ""schema"".x";
GRANT USAGE ON SCHEMA app TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader;

-- Types
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s "great"');
CREATE TYPE app.pair AS (a int, b text);
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0) NOT NULL DEFAULT 1;
CREATE TYPE app.span AS RANGE (subtype = float8);

-- Functions
CREATE FUNCTION app.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT x * 2 $$;
CREATE FUNCTION app.thrice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 3; END;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = app, pg_temp AS $f$ BEGIN NEW.note := coalesce(NEW.note, '') || '!'; RETURN NEW; END $f$;
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO app.ddl_log(tag) VALUES (tg_tag); END $f$;
CREATE AGGREGATE app.product(int) (sfunc = int4mul, stype = int, initcond = '1');
CREATE PROCEDURE app.nothing() LANGUAGE sql AS '';
REVOKE ALL ON FUNCTION app.twice FROM PUBLIC;

-- Tables
CREATE TABLE app.people (
	id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY,
	name varchar(80) NOT NULL,
	status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'old', 'gone')),
	born date,
	full_name text GENERATED ALWAYS AS (name || '/' || coalesce(status, '')) STORED,
	boss bigint REFERENCES app.people DEFERRABLE INITIALLY DEFERRED,
	note text
);
ALTER TABLE app.people OWNER TO "Owner, the 1st";
INSERT INTO app.people (name, status, born, note)
	SELECT 'person ' || i, (ARRAY['new', 'old', 'gone'])[1 + i % 3], date '2000-01-01' + i, repeat('x', i) FROM generate_series(1, 2000) i;
UPDATE app.people SET boss = id - 5 WHERE id > 100;
ALTER TABLE app.people ALTER name SET STATISTICS 500, ALTER note SET STORAGE EXTERNAL;
CREATE INDEX people_status ON app.people (lower(name)) WHERE status IN ('new', 'old');
CREATE INDEX people_trgm ON app.people USING gin (name gin_trgm_ops) WITH (fastupdate = off);
CREATE TRIGGER touch BEFORE INSERT OR UPDATE OF note ON app.people FOR EACH ROW WHEN (NEW.name IS NOT NULL) EXECUTE FUNCTION app.touch();
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.people FOR SELECT TO reader, writer USING (name = current_user OR status IN ('new', 'old'));
CREATE STATISTICS app.people_stats (dependencies) ON name, status FROM app.people;
GRANT SELECT (id, name), UPDATE (note) ON app.people TO writer WITH GRANT OPTION;
ALTER TABLE app.people CLUSTER ON people_pkey;

CREATE TABLE app.everything (
	b bool, c "char", i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, m money, t text, bp char(5), by bytea,
	j json, jb jsonb, u uuid, d date, ti time, tz timetz, ts timestamp, tstz timestamptz, iv interval, bits bit varying, ip inet, net cidr,
	mac macaddr, pt point, poly polygon, r int4range, mr nummultirange, arr int[], deep text[][], tsv tsvector, x xml, lsn pg_lsn, rc regclass,
	mood app.mood, moods app.mood[], pair app.pair, pairs app.pair[], pos app.positive, span app.span, h hstore, ci citext, nm name
);
INSERT INTO app.everything VALUES
	(true, 'x', 1, 2, 3, 'NaN', '-Infinity', 'NaN', 12.34, E'tab\t newline\n backslash \\ \\N \\.', 'ab', '\x00ff5c0a', '{"a": 1}', '{"a": [1, null, "\u00e9"]}',
	 gen_random_uuid(), 'infinity', '24:00', '12:00+05:30', '-infinity', 'infinity', '-1 year 2 mons -3 days 04:05:06.7', B'10101', '::1/64', '10.0.0.0/8',
	 '08:00:2b:01:02:03', '(1,2)', '((0,0),(1,1),(1,0))', '[1,5)', '{[1.5,2),[3,)}', '{1,NULL,3}', '{{a,"b,c"},{NULL,"\\"}}', 'a:1 b', '<a>x</a>', '16/B374D848', 'app.people',
	 'it''s "great"', '{sad,"it''s \"great\""}', '(1,"x,y")', '{"(1,a)","(2,)"}', 7, '[1.5,2.5]', 'a=>1, b=>NULL', 'CaSe', 'nm'),
	(NULL, NULL, -32768, -2147483648, -9223372036854775808, 1e-45, 5e-324, 1e-1000, -0.01, '\N', NULL, '', 'null', 'null', NULL, '4713-01-01 BC', NULL, NULL, '294276-12-31 23:59:59.999999',
	 '0001-01-01 00:00:00+00 BC', '178000000 years', B'', NULL, NULL, NULL, NULL, NULL, 'empty', '{}', '{}', '{}', '', NULL, NULL, NULL, NULL, '{}', NULL, NULL, 1, NULL, '', '', ''),
	(false, '', 0, 0, 0, '-0', 'Infinity', 'Infinity', 0, '\.', E'\\', '\x5c2e0a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2, NULL, NULL, NULL, NULL);

CREATE TABLE app.ddl_log (id serial PRIMARY KEY, tag text, at timestamptz DEFAULT now());
CREATE TABLE app.empty (id int PRIMARY KEY, v text);
CREATE TABLE app.nothing ();
INSERT INTO app.nothing DEFAULT VALUES;
INSERT INTO app.nothing DEFAULT VALUES;
CREATE TABLE app.only_generated (g int GENERATED ALWAYS AS (42) STORED);
INSERT INTO app.only_generated DEFAULT VALUES;
CREATE UNLOGGED TABLE app.unlogged AS SELECT i FROM generate_series(1, 100) i;
CREATE TABLE app.dropped (a int, gone text, c int);
ALTER TABLE app.dropped DROP COLUMN gone;
INSERT INTO app.dropped SELECT i, -i FROM generate_series(1, 50) i;

-- Hostile names
CREATE TABLE "Odd ""schema"".x"."semi;colon '' and ""quotes"" -- \. " ("select" int, "a ""b""; --" text, "new
line" text, "ünïcödé 表" text, "back\slash" text, "to	tab" text);
INSERT INTO "Odd ""schema"".x"."semi;colon '' and ""quotes"" -- \. " VALUES (1, 'x', 'y', 'z', '\', E'\t');
CREATE TABLE "Odd ""schema"".x"."two
lines
\." (a text);
INSERT INTO "Odd ""schema"".x"."two
lines
\." VALUES ('\.'), (E'\n\\.\n'), (''), (NULL);
CREATE SEQUENCE "Odd ""schema"".x"."Seq""1" AS smallint INCREMENT -1 MAXVALUE 100 MINVALUE -100 START 5 CYCLE;
SELECT nextval('"Odd ""schema"".x"."Seq""1"');
CREATE SEQUENCE app.unused;
SELECT setval('app.unused', 77, false);

-- Partitions and inheritance
CREATE TABLE app.events (id int, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_2025 (kind text, id int NOT NULL, at date NOT NULL);
ALTER TABLE app.events ATTACH PARTITION app.events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT PARTITION BY LIST (id);
CREATE TABLE app.events_rest_a PARTITION OF app.events_rest FOR VALUES IN (1, 2, 3);
CREATE TABLE app.events_rest_other PARTITION OF app.events_rest DEFAULT;
CREATE INDEX ON app.events (kind);
INSERT INTO app.events SELECT i, date '2023-06-01' + i, (ARRAY['a', 'b', 'c'])[1 + i % 3] FROM generate_series(1, 1000) i;
CREATE TABLE app.hashed (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO app.hashed SELECT i, md5(i::text) FROM generate_series(1, 300) i;
CREATE TABLE app.refers (id int PRIMARY KEY, h int REFERENCES app.hashed, e int, at date, FOREIGN KEY (e, at) REFERENCES app.events);
INSERT INTO app.refers VALUES (1, 1, 1, date '2023-06-02');
CREATE TABLE app.parent (a int CHECK (a > 0), b text);
CREATE TABLE app.child (own int) INHERITS (app.parent);
ALTER TABLE app.parent ADD COLUMN later text DEFAULT 'late';
INSERT INTO app.parent VALUES (1, 'parent');
INSERT INTO app.child (a, b, own) VALUES (2, 'child', 3);

-- Foreign keys in a circle
CREATE TABLE app.hen (id int PRIMARY KEY, egg int);
CREATE TABLE app.egg (id int PRIMARY KEY, hen int REFERENCES app.hen);
ALTER TABLE app.hen ADD FOREIGN KEY (egg) REFERENCES app.egg NOT VALID;
BEGIN; INSERT INTO app.hen VALUES (1, NULL); INSERT INTO app.egg VALUES (1, 1); UPDATE app.hen SET egg = 1; COMMIT;

-- Views
CREATE VIEW app.adults WITH (security_barrier) AS SELECT id, name FROM app.people WHERE status IN ('new', 'old') WITH CHECK OPTION;
CREATE MATERIALIZED VIEW app.zz_first AS SELECT status, count(*) AS n FROM app.people GROUP BY status;
CREATE VIEW app.between AS SELECT * FROM app.zz_first;
CREATE MATERIALIZED VIEW app.aa_second AS SELECT sum(n) AS total FROM app.between;
CREATE UNIQUE INDEX ON app.zz_first (status);
CREATE MATERIALIZED VIEW app.not_filled AS SELECT 1 AS one WITH NO DATA;
CREATE RULE no_delete AS ON DELETE TO app.empty DO INSTEAD NOTHING;

-- Large objects
SELECT lo_from_bytea(4242, convert_to(repeat('large ', 10000), 'UTF8'));
SELECT lo_from_bytea(4243, '');
SELECT lo_create(4244);
SELECT lo_put(4244, 100000, '\xdeadbeef');
ALTER LARGE OBJECT 4242 OWNER TO "Owner, the 1st";
GRANT SELECT ON LARGE OBJECT 4242 TO reader;
COMMENT ON LARGE OBJECT 4243 IS 'an empty one';

-- The rest
COMMENT ON TABLE app.people IS E'a comment; with ''quotes''\nand lines';
COMMENT ON COLUMN app.people.name IS 'named';
COMMENT ON SCHEMA public IS 'changed';
CREATE PUBLICATION pub FOR TABLE app.people (id, name), app.empty WHERE (id > 3);
CREATE COLLATION app.german (provider = icu, locale = 'de-DE');
CREATE FOREIGN DATA WRAPPER fdw;
CREATE SERVER far FOREIGN DATA WRAPPER fdw OPTIONS (host 'h');
CREATE FOREIGN TABLE app.abroad (a int) SERVER far;
CREATE CAST (app.pair AS text) WITH INOUT;
CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION app.watch();
