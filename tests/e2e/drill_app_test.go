package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// playFlag makes this test binary, run again, a program of the application that
// a drill starts.
const playFlag = "--play"

// application is the path of the program to run with playFlag.
func application(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// play is what such a program does. Its surroundings are its environment.
func play(what string) int {
	var err error
	switch what {
	case "shop":
		err = playShop()
	case "migration":
		err = playMigration()
	default:
		err = fmt.Errorf("there is no program %q", what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// playShop answers how many orders its database has, and what its Redis says.
func playShop() error {
	redisOptions, err := redis.ParseURL(os.Getenv("REDIS"))
	if err != nil {
		return err
	}
	client := redis.NewClient(redisOptions)
	http.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		orders, err := query(os.Getenv("DATABASE"), `SELECT count(*) FROM orders`)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		greeting, err := client.Get(r.Context(), "greeting").Result()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"orders": orders, "greeting": greeting})
	})
	fmt.Println("the shop is open at", os.Getenv("LISTEN"))
	return http.ListenAndServe(os.Getenv("LISTEN"), nil)
}

// playMigration runs the statement in SQL on its database.
func playMigration() error {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE"))
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	done, err := db.Exec(ctx, os.Getenv("SQL"))
	fmt.Println("migrated:", done)
	return err
}
