package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// demoSchema is a small shop: a few tables of very different sizes, and things
// that a careless backup loses.
var demoSchema = []string{
	`CREATE SCHEMA shop`,
	`CREATE TYPE shop.status AS ENUM ('new', 'paid', 'sent', 'returned')`,
	`CREATE TABLE shop.customers (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL,
		address jsonb NOT NULL, since timestamptz NOT NULL,
		domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED)`,
	`CREATE TABLE shop.products (
		id int PRIMARY KEY, name text NOT NULL, price numeric(10,2) NOT NULL CHECK (price > 0), tags text[] NOT NULL, description text)`,
	`CREATE TABLE shop.orders (
		id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES shop.customers, status shop.status NOT NULL,
		placed timestamptz NOT NULL, note text)`,
	`CREATE TABLE shop.order_lines (
		order_id bigint NOT NULL, line int NOT NULL, product_id int NOT NULL REFERENCES shop.products,
		quantity int NOT NULL, price numeric(10,2) NOT NULL, comment text, PRIMARY KEY (order_id, line))`,
	`CREATE TABLE shop.events (id bigint NOT NULL, at timestamptz NOT NULL, kind text, payload jsonb) PARTITION BY RANGE (at)`,
	`CREATE TABLE shop.events_2025 PARTITION OF shop.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
	`CREATE TABLE shop.events_2026 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`,
}

// demoRows fills them, by set.seed always with the same plausible data.
var demoRows = []string{
	`SELECT setseed(0.42)`,
	`INSERT INTO shop.customers (email, name, address, since)
		SELECT format('%s.%s%s@example.%s', first, last, n, (ARRAY['com','org','net'])[1 + n % 3]), first || ' ' || last,
			jsonb_build_object('street', last || ' Street ' || n % 200, 'city', (ARRAY['Bern','Oslo','Lyon','Porto','Graz'])[1 + n % 5], 'zip', 10000 + n % 90000),
			timestamptz '2020-01-01' + n * interval '17 minutes'
		FROM generate_series(1, 100000) n,
			LATERAL (SELECT (ARRAY['ada','max','eva','tom','ines','jan','lea','otto'])[1 + n % 8] AS first,
				(ARRAY['meyer','olsen','roux','silva','huber','novak','rossi'])[1 + n % 7] AS last) names`,
	`INSERT INTO shop.products
		SELECT n, 'Product ' || n, (1 + random() * 500)::numeric(10,2), ARRAY['tag' || n % 13, 'tag' || n % 29], repeat(md5(n::text) || ' ', 12)
		FROM generate_series(1, 5000) n`,
	`INSERT INTO shop.orders
		SELECT n, 1 + (random() * 99999)::int, (ARRAY['new','paid','sent','returned'])[1 + n % 4]::shop.status,
			timestamptz '2025-01-01' + n * interval '1 minute', CASE WHEN n % 10 = 0 THEN 'leave at the door, ring ' || n % 7 END
		FROM generate_series(1, 400000) n`,
	`INSERT INTO shop.order_lines
		SELECT o, l, 1 + (random() * 4999)::int, 1 + l % 4, (random() * 300 + 1)::numeric(10,2), md5((o * 7 + l)::text)
		FROM generate_series(1, 400000) o, generate_series(1, 4) l`,
	`INSERT INTO shop.events
		SELECT n, timestamptz '2025-06-01' + n * interval '2 minutes', (ARRAY['view','cart','buy','login'])[1 + n % 4],
			jsonb_build_object('session', md5(n::text), 'path', '/p/' || n % 5000, 'ms', (random() * 900)::int)
		FROM generate_series(1, 400000) n`,
	`CREATE INDEX ON shop.order_lines (product_id)`,
	`CREATE MATERIALIZED VIEW shop.best AS SELECT product_id, sum(quantity) AS sold FROM shop.order_lines GROUP BY 1`,
	`ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY`,
	`SELECT lo_from_bytea(0, convert_to(repeat('an invoice, scanned ', 5000), 'UTF8'))`,
}

// fillDemoPostgres makes the database and its rows, and returns its size in bytes.
func fillDemoPostgres(ctx context.Context, server secret.String, database string) (int64, error) {
	admin, err := pgx.Connect(ctx, server.Reveal())
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "connect to the demo's PostgreSQL")
	}
	defer func() { _ = admin.Close(ctx) }()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+database); err != nil {
		return 0, fault.Wrap(fault.Internal, err, "create the demo's database")
	}
	config := admin.Config().Copy()
	config.Database = database
	db, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "connect to the demo's database")
	}
	defer func() { _ = db.Close(ctx) }()
	for _, statement := range append(append([]string{}, demoSchema...), demoRows...) {
		if _, err := db.Exec(ctx, statement); err != nil {
			head, _, _ := strings.Cut(statement, "\n")
			return 0, fault.Wrap(fault.Internal, err, "fill the demo's database: %s", head)
		}
	}
	var bytes int64
	err = db.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&bytes)
	return bytes, fault.Wrap(fault.Internal, err, "measure the demo's database")
}

// demoKeys is how many keys of each type the demo's Redis gets.
const demoKeys = 5000

// fillDemoRedis makes keys of every common type, a third of them with a time to live.
func fillDemoRedis(ctx context.Context, server secret.String) (int64, error) {
	options, err := redis.ParseURL(server.Reveal())
	if err != nil {
		return 0, fault.New(fault.Internal, "the demo's Redis URL can't be parsed")
	}
	db := redis.NewClient(options)
	defer func() { _ = db.Close() }()
	_, err = db.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range demoKeys {
			p.Set(ctx, fmt.Sprintf("session:%d", n), strings.Repeat(fmt.Sprintf("s%d", n), 20), demoTTL(n))
			p.HSet(ctx, fmt.Sprintf("user:%d", n), "name", fmt.Sprintf("user %d", n), "visits", n%97)
			p.RPush(ctx, fmt.Sprintf("queue:%d", n), n, n+1, n+2)
			p.SAdd(ctx, fmt.Sprintf("tags:%d", n), n%7, n%11, "all")
			p.ZAdd(ctx, fmt.Sprintf("rank:%d", n), redis.Z{Score: float64(n) / 3, Member: n}, redis.Z{Score: -1, Member: "last"})
		}
		for n := range 1000 {
			p.XAdd(ctx, &redis.XAddArgs{Stream: "log", ID: fmt.Sprintf("%d-1", n+1), Values: []any{"line", n}})
		}
		return nil
	})
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "fill the demo's Redis")
	}
	keys, err := db.DBSize(ctx).Result()
	return keys, fault.Wrap(fault.Internal, err, "count the demo's keys")
}

func demoTTL(n int) time.Duration {
	if n%3 != 0 {
		return 0
	}
	return time.Duration(24+n%48) * time.Hour
}
