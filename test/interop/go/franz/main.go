// franz-go, in the operations that suite/clients.py asks of every client:
// produce, consume, transact, admin.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"interop/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
	"zstd": kgo.ZstdCompression(),
}

func must(err error) {
	if err != nil {
		log.Fatal("Error: ", err)
	}
}

func client(broker string, opts ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker))...)
	must(err)
	return c
}

func produce(ctx context.Context, broker, topic, codec string) {
	c := client(broker, kgo.ProducerBatchCompression(codecs[codec]),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(
			func(string) func(*kgo.Record, int) int {
				return func(r *kgo.Record, n int) int {
					return int(r.Partition) % n
				}
			})))
	for _, r := range record.ReadAll(os.Stdin) {
		k := &kgo.Record{Topic: topic, Key: r.Key.Bytes(), Value: r.Value.Bytes()}
		if r.Partition != nil {
			k.Partition = int32(*r.Partition)
		}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		c.Produce(ctx, k, func(_ *kgo.Record, err error) { must(err) })
	}
	must(c.Flush(ctx))
	c.Close()
}

func group(broker, topic, group string, opts ...kgo.Opt) *kgo.Client {
	return client(broker, append(opts, kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.SessionTimeout(10*time.Second))...)
}

func consume(ctx context.Context, broker, topic, name, isolation string) {
	level := kgo.ReadUncommitted()
	if isolation == "read_committed" {
		level = kgo.ReadCommitted()
	}
	c := group(broker, topic, name, kgo.FetchIsolationLevel(level),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) {
			record.Assigned(got[topic])
		}))
	end, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for end.Err() == nil {
		f := c.PollFetches(end)
		f.EachRecord(func(r *kgo.Record) {
			one := record.New(r.Partition, r.Offset, r.Key, r.Value)
			for _, h := range r.Headers {
				one.Header(h.Key, h.Value)
			}
			one.Say()
		})
		if !f.Empty() {
			// In a rebalance it may fail: read again.
			if err := c.CommitUncommittedOffsets(ctx); err != nil {
				log.Print("commit: ", err)
			}
		}
	}
	c.LeaveGroup()
	c.Close()
}

// transact copies n records in transactions of ten; each third one is aborted
// first, and then done again: an abort makes the session read them once more.
func transact(ctx context.Context, broker, source, target, name, id string, n int) {
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(broker),
		kgo.ConsumerGroup(name), kgo.ConsumeTopics(source),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.TransactionalID(id), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets())
	must(err)
	for done, aborted := 0, -1; done < n; {
		f := s.PollRecords(ctx, 10)
		if f.NumRecords() == 0 {
			continue
		}
		value := []byte(nil)
		outcome := kgo.TryCommit
		if done%30 == 0 && aborted != done {
			value, outcome, aborted = []byte("aborted"), kgo.TryAbort, done
		}
		must(s.Begin())
		f.EachRecord(func(r *kgo.Record) {
			v := r.Value
			if value != nil {
				v = value
			}
			s.Produce(ctx, &kgo.Record{Topic: target, Key: r.Key, Value: v},
				func(_ *kgo.Record, err error) { must(err) })
		})
		// Aborting forgets what is not sent yet.
		must(s.Client().Flush(ctx))
		committed, err := s.End(ctx, outcome)
		must(err)
		if committed {
			done += f.NumRecords()
		}
	}
	s.Close()
}

func admin(ctx context.Context, broker, topic string) {
	a := kadm.NewClient(client(broker))
	retention := "3600000"
	_, err := a.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": &retention}, topic)
	must(err)
	answer := map[string]any{}
	topics, err := a.ListTopics(ctx, topic)
	must(err)
	answer["listed"] = topics[topic].Err == nil
	answer["partitions"] = len(topics[topic].Partitions)
	settings, err := a.DescribeTopicConfigs(ctx, topic)
	must(err)
	for _, s := range settings[0].Configs {
		if s.Key == "retention.ms" {
			answer["retention"] = s.MaybeValue()
		}
	}
	more, err := a.CreatePartitions(ctx, 2, topic)
	must(err)
	must(more.Error())
	topics, err = a.ListTopics(ctx, topic)
	must(err)
	answer["more"] = len(topics[topic].Partitions)
	_, err = a.DeleteTopic(ctx, topic)
	must(err)
	topics, err = kadm.NewClient(client(broker)).ListTopics(ctx, topic)
	must(err)
	answer["deleted"] = errors.Is(topics[topic].Err, kerr.UnknownTopicOrPartition)
	record.Say(answer)
	a.Close()
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
	case "transact":
		n, _ := strconv.Atoi(a[5])
		transact(ctx, a[0], a[1], a[2], a[3], a[4], n)
	case "admin":
		admin(ctx, a[0], a[1])
	default:
		fmt.Fprintln(os.Stderr, "no operation "+os.Args[1])
		os.Exit(64)
	}
}
