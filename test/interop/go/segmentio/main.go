// segmentio/kafka-go, in the operations that suite/clients.py asks of every
// client, but for transactions, which it does not have: produce, consume,
// admin.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"interop/record"

	"github.com/segmentio/kafka-go"
)

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy,
	"lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

func must(err error) {
	if err != nil {
		log.Fatal("Error: ", err)
	}
}

func produce(ctx context.Context, broker, topic, codec string) {
	byMessage := map[string]int{}
	w := kafka.Writer{Addr: kafka.TCP(broker), Topic: topic, Compression: codecs[codec],
		RequiredAcks: kafka.RequireAll, BatchTimeout: 5 * time.Millisecond,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, _ ...int) int {
			return byMessage[string(m.Value)]
		})}
	var all []kafka.Message
	for _, r := range record.ReadAll(os.Stdin) {
		m := kafka.Message{Key: r.Key.Bytes(), Value: r.Value.Bytes()}
		if r.Partition != nil {
			byMessage[string(m.Value)] = *r.Partition
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
		}
		all = append(all, m)
	}
	must(w.WriteMessages(ctx, all...))
	must(w.Close())
}

// follow reads one partition as long as the generation lasts.
func follow(ctx context.Context, gen *kafka.Generation, config kafka.ReaderConfig, from int64) {
	r := kafka.NewReader(config)
	defer r.Close()
	must(r.SetOffset(from))
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return
		}
		one := record.New(int32(m.Partition), m.Offset, m.Key, m.Value)
		for _, h := range m.Headers {
			one.Header(h.Key, h.Value)
		}
		one.Say()
		// In a rebalance it may fail: read again.
		if err := gen.CommitOffsets(map[string]map[int]int64{
			config.Topic: {config.Partition: m.Offset + 1}}); err != nil {
			log.Print("commit: ", err)
		}
	}
}

func consume(ctx context.Context, broker, topic, group, isolation string) {
	config := kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic,
		MaxWait: 200 * time.Millisecond}
	if isolation == "read_committed" {
		config.IsolationLevel = kafka.ReadCommitted
	}
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: group,
		Brokers: []string{broker}, Topics: []string{topic}, StartOffset: kafka.FirstOffset,
		HeartbeatInterval: 500 * time.Millisecond, SessionTimeout: 10 * time.Second,
		RebalanceTimeout: 10 * time.Second, JoinGroupBackoff: 100 * time.Millisecond})
	must(err)
	end, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var readers sync.WaitGroup
	for {
		gen, err := g.Next(end)
		if err != nil {
			break
		}
		mine := []int32{}
		for _, p := range gen.Assignments[topic] {
			mine = append(mine, int32(p.ID))
			one := config
			one.Partition = p.ID
			readers.Add(1)
			gen.Start(func(ctx context.Context) {
				defer readers.Done()
				follow(ctx, gen, one, p.Offset)
			})
		}
		record.Assigned(mine)
	}
	must(g.Close())
	readers.Wait()
}

func admin(ctx context.Context, broker, topic string) {
	// What it remembers of the topics is refreshed behind its back.
	c := kafka.Client{Addr: kafka.TCP(broker), Transport: &kafka.Transport{MetadataTTL: time.Millisecond}}
	made, err := c.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: 3, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "3600000"}}}}})
	must(err)
	must(made.Errors[topic])
	partitions := func() int {
		m, err := c.Metadata(ctx, &kafka.MetadataRequest{})
		must(err)
		for _, t := range m.Topics {
			if t.Name == topic {
				return len(t.Partitions)
			}
		}
		return 0
	}
	answer := map[string]any{"partitions": partitions(), "listed": partitions() > 0}
	settings, err := c.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic,
			ResourceName: topic, ConfigNames: []string{"retention.ms"}}}})
	must(err)
	answer["retention"] = settings.Resources[0].ConfigEntries[0].ConfigValue
	more, err := c.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 5}}})
	must(err)
	must(more.Errors[topic])
	for ; partitions() == 3 && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
	}
	answer["more"] = partitions()
	gone, err := c.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	must(err)
	must(gone.Errors[topic])
	for ; partitions() > 0 && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
	}
	answer["deleted"] = partitions() == 0
	record.Say(answer)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	a := os.Args[2:]
	switch os.Args[1] {
	case "produce":
		produce(ctx, a[0], a[1], a[2])
	case "consume":
		consume(ctx, a[0], a[1], a[2], a[3])
	case "admin":
		admin(ctx, a[0], a[1])
	default:
		fmt.Fprintln(os.Stderr, "no operation "+os.Args[1])
		os.Exit(64)
	}
}
