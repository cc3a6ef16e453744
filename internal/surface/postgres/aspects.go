package postgres

// aspects are what the fingerprint says of a database beside its rows.
var aspects = []aspect{
	{name: "database", sql: `
		SELECT concat_ws('|', 'create', pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype,
			to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'daticurules',
			pg_get_userbyid(datdba), datconnlimit, ` + privileges("datacl", "d", "datdba") + `)
		FROM pg_database d WHERE datname = current_database()
		UNION ALL
		SELECT concat_ws('|', 'set', CASE setrole WHEN 0 THEN '' ELSE pg_get_userbyid(setrole)::text END, setting)
		FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) setting
		WHERE datname = current_database()`},

	{name: "schemas", sql: `
		SELECT concat_ws('|', n.nspname, pg_get_userbyid(n.nspowner), ` + privileges("n.nspacl", "n", "n.nspowner") + `)
		FROM pg_namespace n WHERE ` + userSchema + ` AND ` + own("pg_namespace", "n.oid")},

	{name: "tables", printed: true, sql: `
		SELECT concat_ws('|', c.oid::regclass, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner), am.amname,
			c.relrowsecurity, c.relforcerowsecurity, c.relreplident, ` + sorted("c.reloptions") + `, ` + sorted("toast.reloptions") + `,
			CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, pg_get_expr(c.relpartbound, c.oid),
			(SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
			CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype END,
			(SELECT concat_ws('|', s.srvname, ` + sorted("f.ftoptions") + `) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
			` + privileges("c.relacl", "r", "c.relowner") + `)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
		WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND ` + userSchema + ` AND ` + own("pg_class", "c.oid")},

	{name: "columns", printed: true, sql: `
		SELECT concat_ws('|', c.oid::regclass, row_number() OVER (PARTITION BY c.oid ORDER BY CASE WHEN i.inherits THEN 0 ELSE a.attnum END, a.attname COLLATE "C"),
			a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
			CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END,
			a.attstorage, a.attcompression, nullif(a.attstattarget, -1), ` + sorted("a.attoptions") + `, ` + sorted("a.attfdwoptions") + `,
			` + privileges("a.attacl", "c", "c.relowner") + `)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		CROSS JOIN LATERAL (SELECT NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) AS inherits) i
		WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'c', 'v', 'm') AND c.relpersistence <> 't'
			AND ` + userSchema + ` AND ` + own("pg_class", "c.oid") + ` AND (c.relkind <> 'c' OR ` + own("pg_type", "c.reltype") + `)`},

	// Copies of a partitioned table's foreign keys on its partitions have
	// names that the server makes up; PostgreSQL 18 has NOT NULL here, too.
	{name: "constraints", printed: true, sql: `
		SELECT concat_ws('|', CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE k.contypid::regtype::text END,
			k.conname, k.contype, k.convalidated, pg_get_constraintdef(k.oid))
		FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
		WHERE k.contype NOT IN ('t', 'n') AND NOT (k.contype = 'f' AND k.conparentid <> 0) AND ` + userSchema + `
			AND ` + own("pg_class", "k.conrelid") + ` AND ` + own("pg_type", "k.contypid") + ` AND ` + own("pg_constraint", "k.oid")},

	{name: "indexes", printed: true, sql: `
		SELECT concat_ws('|', pg_get_indexdef(c.oid), i.indisclustered, i.indisreplident, ` + sorted("c.reloptions") + `,
			(SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0),
			(SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = c.oid))
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE (i.indisvalid OR t.relkind = 'p') AND i.indisready AND t.relpersistence <> 't' AND ` + userSchema + `
			AND ` + own("pg_class", "t.oid") + ` AND ` + own("pg_class", "c.oid")},

	{name: "views", printed: true, sql: `
		SELECT concat_ws('|', c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner), ` + sorted("c.reloptions") + `, am.amname, pg_get_viewdef(c.oid),
			` + privileges("c.relacl", "r", "c.relowner") + `)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam
		WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND ` + userSchema + ` AND ` + own("pg_class", "c.oid")},

	{name: "rules", printed: true, sql: `
		SELECT concat_ws('|', pg_get_ruledef(r.oid), r.ev_enabled)
		FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE r.rulename <> '_RETURN' AND ` + userSchema + ` AND ` + own("pg_class", "c.oid") + ` AND ` + own("pg_rewrite", "r.oid")},

	{name: "functions", sql: `
		SELECT concat_ws('|', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), ` + privileges("p.proacl", "f", "p.proowner") + `)
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.prokind <> 'a' AND p.prosqlbody IS NULL AND ` + userSchema + ` AND ` + own("pg_proc", "p.oid")},

	{name: "sql-functions", printed: true, sql: `
		SELECT concat_ws('|', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), ` + privileges("p.proacl", "f", "p.proowner") + `)
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.prokind <> 'a' AND p.prosqlbody IS NOT NULL AND ` + userSchema + ` AND ` + own("pg_proc", "p.oid")},

	{name: "aggregates", sql: `
		SELECT concat_ws('|', p.oid::regprocedure, pg_get_function_result(p.oid), pg_get_userbyid(p.proowner), p.proparallel,
			a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn,
			a.aggfinalmodify, a.aggsortop::regoperator, a.aggtranstype::regtype, a.agginitval, a.aggminitval, ` + privileges("p.proacl", "f", "p.proowner") + `)
		FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE ` + userSchema + ` AND ` + own("pg_proc", "p.oid")},

	{name: "triggers", printed: true, sql: `
		SELECT concat_ws('|', pg_get_triggerdef(t.oid), t.tgenabled)
		FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND ` + userSchema + ` AND ` + own("pg_class", "c.oid") + ` AND ` + own("pg_trigger", "t.oid")},

	{name: "event-triggers", sql: `
		SELECT concat_ws('|', evtname, evtevent, evtenabled, evtfoid::regproc, pg_get_userbyid(evtowner), ` + sorted("evttags") + `)
		FROM pg_event_trigger e WHERE ` + own("pg_event_trigger", "e.oid")},

	{name: "policies", printed: true, sql: `
		SELECT concat_ws('|', c.oid::regclass, p.polname, p.polcmd, p.polpermissive,
			(SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END, ',' ORDER BY pg_get_userbyid(r)::text COLLATE "C") FROM unnest(p.polroles) r),
			pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE ` + userSchema + ` AND ` + own("pg_class", "c.oid")},

	{name: "types", printed: true, sql: `
		SELECT concat_ws('|', t.oid::regtype, t.typtype, pg_get_userbyid(t.typowner), t.typnotnull, pg_get_expr(t.typdefaultbin, 0), t.typdefault,
			CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END,
			CASE WHEN t.typtype = 'b' THEN concat_ws(',', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage, t.typcategory, t.typdelim) END,
			CASE WHEN t.typcollation <> 0 THEN t.typcollation::regcollation END,
			(SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
			(SELECT concat_ws(',', rngsubtype::regtype, rngmultitypid::regtype, rngcanonical, rngsubdiff) FROM pg_range WHERE rngtypid = t.oid),
			` + privileges("t.typacl", "T", "t.typowner") + `)
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE (t.typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type el WHERE el.typarray = t.oid)
			AND ` + userSchema + ` AND ` + own("pg_type", "t.oid")},

	{name: "sequences", sql: `
		SELECT concat_ws('|', c.oid::regclass, c.relpersistence, pg_get_userbyid(c.relowner), s.seqtypid::regtype, s.seqstart, s.seqincrement,
			s.seqmax, s.seqmin, s.seqcache, s.seqcycle, d.deptype, d.refobjid::regclass,
			(SELECT attname FROM pg_attribute WHERE attrelid = d.refobjid AND attnum = d.refobjsubid), ` + privileges("c.relacl", "s", "c.relowner") + `)
		FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
		WHERE c.relpersistence <> 't' AND ` + userSchema + ` AND ` + own("pg_class", "c.oid")},

	{name: "statistics", printed: true, sql: `
		SELECT concat_ws('|', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1), pg_get_userbyid(s.stxowner))
		FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ` + userSchema + ` AND ` + own("pg_statistic_ext", "s.oid")},

	{name: "default-privileges", sql: `
		SELECT concat_ws('|', pg_get_userbyid(d.defaclrole), d.defaclnamespace::regnamespace, d.defaclobjtype, ` +
		privileges("d.defaclacl", "r", "d.defaclrole") + `) FROM pg_default_acl d`},

	{name: "publications", printed: true, sql: `
		SELECT concat_ws('|', p.pubname, pg_get_userbyid(p.pubowner), p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot)
		FROM pg_publication p WHERE ` + own("pg_publication", "p.oid") + `
		UNION ALL
		SELECT concat_ws('|', p.pubname, r.prrelid::regclass, pg_get_expr(r.prqual, r.prrelid),
			(SELECT string_agg(attname, ',' ORDER BY attname COLLATE "C") FROM pg_attribute WHERE attrelid = r.prrelid AND attnum = ANY(r.prattrs)))
		FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
		UNION ALL
		SELECT concat_ws('|', p.pubname, s.pnnspid::regnamespace) FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid`},

	{name: "other-objects", sql: `
		SELECT concat_ws('|', i.type, i.identity)
		FROM (
			SELECT 'pg_cast'::regclass AS class, oid FROM pg_cast UNION ALL
			SELECT 'pg_operator'::regclass, oid FROM pg_operator UNION ALL
			SELECT 'pg_opclass'::regclass, oid FROM pg_opclass UNION ALL
			SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily UNION ALL
			SELECT 'pg_collation'::regclass, oid FROM pg_collation UNION ALL
			SELECT 'pg_conversion'::regclass, oid FROM pg_conversion UNION ALL
			SELECT 'pg_language'::regclass, oid FROM pg_language UNION ALL
			SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config UNION ALL
			SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict UNION ALL
			SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser UNION ALL
			SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template UNION ALL
			SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper UNION ALL
			SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server UNION ALL
			SELECT 'pg_user_mapping'::regclass, umid FROM pg_user_mappings UNION ALL
			SELECT 'pg_transform'::regclass, oid FROM pg_transform UNION ALL
			SELECT 'pg_am'::regclass, oid FROM pg_am
		) o, pg_identify_object(o.class, o.oid, 0) i
		WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = o.class AND x.objid = o.oid AND x.objsubid = 0 AND x.deptype = 'e')`},

	{name: "comments", sql: `
		SELECT concat_ws('|', i.type, i.identity, d.description)
		FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
		WHERE d.objoid >= 16384 AND d.classoid <> 'pg_largeobject'::regclass
			AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid AND x.objsubid = 0 AND x.deptype = 'e')
			AND NOT (d.classoid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index WHERE indexrelid = d.objoid AND NOT (indisvalid AND indisready)))`},
}
