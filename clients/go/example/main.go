// A thermometer and a dashboard in one program:
//
//	go run ./example ws://localhost:8080 dev
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	fluxion "fluxion/clients/go"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: example ws://HOST:PORT KEY")
	}
	client := fluxion.NewClient(os.Args[1], os.Args[2],
		fluxion.WithConnectionName("example"),
		fluxion.WithLogger(log.Default()),
		fluxion.WithInsertBatching(500, 5*time.Millisecond))
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, client); err != nil {
		client.Close()
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *fluxion.Client) error {
	if err := client.Connect(ctx); err != nil {
		return err
	}
	if err := measure(ctx, client); err != nil {
		return err
	}
	latest, err := client.FetchLatestRecords(ctx, fluxion.FetchLatestRecordsParams{
		Col: "example", TS: 1700000060, Doc: "/^room-[0-4]$/"})
	if err != nil {
		return err
	}
	fmt.Println(len(latest), "rooms; room-3:", latest["room-3"].Data)

	newest, err := client.FetchDocument(ctx, fluxion.FetchRecordsParams{
		Col: "example", Doc: "room-3", To: 1700000060,
		Limit: fluxion.Ptr(2), Reverse: fluxion.Ptr(true)})
	if err != nil {
		return err
	}
	for _, record := range newest {
		fmt.Println(record.TS, record.Data)
	}

	// What the server refuses is an error with a code.
	_, err = client.RemoveAPIKey(ctx, "a-key-that-nobody-added")
	var refused *fluxion.Error
	if errors.Is(err, fluxion.ErrNotFound) && errors.As(err, &refused) {
		fmt.Println("refused:", refused.Code)
	}
	return client.DeleteCollection(ctx, fluxion.DeleteCollectionParams{Col: "example"})
}

// Ten rooms measure at once; batching makes few messages of their inserts.
func measure(ctx context.Context, client *fluxion.Client) error {
	var rooms sync.WaitGroup
	failed := make(chan error, 10)
	for room := 0; room < 10; room++ {
		rooms.Add(1)
		go func(room int) {
			defer rooms.Done()
			for second := 0; second < 5; second++ {
				err := client.InsertSingleDocumentRecord(ctx, fluxion.Record{
					TS:   1700000000 + int64(second),
					Col:  "example",
					Doc:  fmt.Sprintf("room-%d", room),
					Data: fmt.Sprintf(`{"temperature":%d.%d}`, 20+room, second),
				})
				if err != nil {
					failed <- err
					return
				}
			}
		}(room)
	}
	rooms.Wait()
	close(failed)
	return <-failed // nil if nobody sent one
}
