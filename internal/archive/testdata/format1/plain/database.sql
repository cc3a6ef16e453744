-- Owner, privileges and settings of the database that psql is connected to.
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
ALTER DATABASE :"DBNAME" OWNER TO postgres;
COMMENT ON DATABASE :"DBNAME" IS 'a small shop';
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC, postgres;
GRANT CONNECT ON DATABASE :"DBNAME" TO PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO postgres;
GRANT CREATE ON DATABASE :"DBNAME" TO postgres;
GRANT TEMPORARY ON DATABASE :"DBNAME" TO PUBLIC;
GRANT TEMPORARY ON DATABASE :"DBNAME" TO postgres;
