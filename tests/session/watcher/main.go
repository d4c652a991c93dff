// Watches all keys and all documents from a position on, and prints each event as a line of JSON,
// until the key `end` is set and the document `end` has a record:
//
//	watcher URL KEY POSITION
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"sync"
	"time"

	fluxion "fluxion/clients/go"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: watcher URL KEY POSITION")
	}
	client := fluxion.NewClient(os.Args[1], os.Args[2],
		fluxion.WithReconnect(20*time.Millisecond, 200*time.Millisecond, 0))
	defer client.Close()
	var printing sync.Mutex
	var watching sync.WaitGroup
	for _, kind := range []fluxion.WatchKind{fluxion.WatchKeys, fluxion.WatchDocs} {
		watching.Add(1)
		go func(kind fluxion.WatchKind) {
			defer watching.Done()
			if err := show(client, kind, fluxion.Position(os.Args[3]), &printing); err != nil {
				log.Fatal(err)
			}
		}(kind)
	}
	watching.Wait()
}

func show(client *fluxion.Client, kind fluxion.WatchKind, from fluxion.Position,
	printing *sync.Mutex) error {
	ctx := context.Background()
	watch, err := client.Watch(ctx, fluxion.WatchOptions{Kind: kind, From: from})
	if err != nil {
		return err
	}
	defer watch.Close()
	for {
		event, err := watch.Next(ctx)
		if err != nil {
			return err
		}
		printing.Lock()
		err = json.NewEncoder(os.Stdout).Encode(event)
		printing.Unlock()
		if err != nil || event.Key == "end" || event.Doc == "end" {
			return err
		}
	}
}
