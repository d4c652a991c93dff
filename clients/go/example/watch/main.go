// A dashboard that goes on where it stopped:
//
//	go run ./example/watch ws://localhost:8080 dev
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	fluxion "fluxion/clients/go"
)

const collection = "example-watch"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: watch ws://HOST:PORT KEY")
	}
	client := fluxion.NewClient(os.Args[1], os.Args[2], fluxion.WithConnectionName("dashboard"),
		fluxion.WithLogger(log.Default()))
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, client); err != nil {
		client.Close()
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *fluxion.Client) error {
	if err := set(ctx, client, "oven", 180, 190); err != nil {
		return err
	}
	// The first time there is no cursor, and a snapshot says what there is. Then it becomes hotter.
	cursor, err := show(ctx, client, "", "oven = 200", func() error {
		return set(ctx, client, "oven", 200)
	})
	if err != nil {
		return err
	}

	// A program would keep the cursor in a file. While it did not run, this happened:
	if err := set(ctx, client, "oven", 210, 220); err != nil {
		return err
	}
	params := fluxion.DeleteValueParams{Col: collection, Key: "oven"}
	if err := client.DeleteValue(ctx, params); err != nil {
		return err
	}
	_, err = show(ctx, client, cursor, "oven is gone", func() error { return nil })
	return err
}

func set(ctx context.Context, client *fluxion.Client, key string, values ...int) error {
	for _, value := range values {
		err := client.SetValue(ctx, fluxion.SetValueParams{
			Col: collection, Key: key, Value: fmt.Sprint(value)})
		if err != nil {
			return err
		}
	}
	return nil
}

// Prints what happens after the cursor up to the last line, and returns the cursor then. When a
// snapshot has ended it calls `then`: what is written before may be part of the snapshot.
func show(ctx context.Context, client *fluxion.Client, cursor fluxion.Position, last string,
	then func() error) (fluxion.Position, error) {
	watch, err := client.Watch(ctx, fluxion.WatchOptions{Kind: fluxion.WatchKeys, Col: collection,
		From: cursor, Snapshot: cursor == "", OnGap: fluxion.TakeSnapshot})
	if err != nil {
		return "", err
	}
	defer watch.Close()
	for line := ""; line != last; { // from Go 1.23 on: for event, err := range watch.All()
		event, err := watch.Next(ctx)
		if err != nil {
			return "", err
		}
		line = describe(event)
		fmt.Println(line)
		if event.Op == fluxion.EventSnapshotEnd {
			if err := then(); err != nil {
				return "", err
			}
		}
	}
	return watch.Cursor(), nil // after the work on the last event, that is, its line
}

func describe(event fluxion.Event) string {
	switch event.Op {
	case fluxion.EventSet:
		return fmt.Sprintf("%s = %s", event.Key, event.Value)
	case fluxion.EventRemoved, fluxion.EventExpired:
		return event.Key + " is gone"
	case fluxion.EventDropped:
		return "all is gone"
	case fluxion.EventGap:
		return "events are missing"
	case fluxion.EventSnapshotBegin:
		return "now:"
	case fluxion.EventSnapshotEnd:
		return "changes:"
	}
	return string(event.Op)
}
