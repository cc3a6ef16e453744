--
-- PostgreSQL database cluster dump
--

\restrict CsCSb8kw8Ky4OBR8drAhEeuaA4hBm3DhNV1MsVWDiNu9Q786DqT2BXdUSQRkEic

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;

--
-- User Configurations
--








\unrestrict CsCSb8kw8Ky4OBR8drAhEeuaA4hBm3DhNV1MsVWDiNu9Q786DqT2BXdUSQRkEic

--
-- PostgreSQL database cluster dump complete
--

