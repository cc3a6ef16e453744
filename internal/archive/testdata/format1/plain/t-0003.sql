-- Rows of tables, for psql. The tables must exist and be empty; foreign keys
-- and triggers are better made afterwards (pg_restore --section=post-data).
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET lc_monetary = 'C';
SET xmloption = 'content';
SET row_security = off;
SET search_path = '';

COPY "public"."users" ("id","email","born") FROM stdin;
1	ann@example.com	1990-01-02
2	bob@example.com	\N
3	zoë@example.com	2001-12-31
\.
