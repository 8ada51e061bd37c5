// sarama, in the operations that suite/clients.py asks of every client:
// produce, consume, transact, admin.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"interop/record"

	"github.com/IBM/sarama"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4,
	"zstd": sarama.CompressionZSTD,
}

func must(err error) {
	if err != nil {
		log.Fatal("Error: ", err)
	}
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	c.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	return c
}

// encoder of what may be absent
func encoder(b []byte) sarama.Encoder {
	if b == nil {
		return nil
	}
	return sarama.ByteEncoder(b)
}

func produce(broker, topic, codec string) {
	c := config()
	c.Producer.Compression = codecs[codec]
	c.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer([]string{broker}, c)
	must(err)
	var all []*sarama.ProducerMessage
	for _, r := range record.ReadAll(os.Stdin) {
		m := &sarama.ProducerMessage{Topic: topic, Key: encoder(r.Key.Bytes()),
			Value: encoder(r.Value.Bytes())}
		if r.Partition != nil {
			m.Partition = int32(*r.Partition)
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{
				Key: []byte(h[0]), Value: []byte(h[1])})
		}
		all = append(all, m)
	}
	must(p.SendMessages(all))
	must(p.Close())
}

type member struct {
	topic string
	seen  func(*sarama.ConsumerMessage)
}

func (m member) Setup(s sarama.ConsumerGroupSession) error {
	record.Assigned(s.Claims()[m.topic])
	return nil
}

func (m member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m member) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for {
		select {
		case r, more := <-c.Messages():
			if !more {
				return nil
			}
			m.seen(r)
			s.MarkMessage(r, "")
			if len(c.Messages()) == 0 {
				s.Commit()
			}
		case <-s.Context().Done():
			return nil
		}
	}
}

func consume(broker, topic, group, isolation string) {
	c := config()
	if isolation == "read_committed" {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	g, err := sarama.NewConsumerGroup([]string{broker}, group, c)
	must(err)
	end, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	m := member{topic, func(r *sarama.ConsumerMessage) {
		one := record.New(r.Partition, r.Offset, r.Key, r.Value)
		for _, h := range r.Headers {
			one.Header(string(h.Key), h.Value)
		}
		one.Say()
	}}
	for end.Err() == nil {
		must(g.Consume(end, []string{topic}, m))
	}
	must(g.Close())
}

// transact copies n records in transactions of ten; each third one is aborted
// first, and then done again.
func transact(broker, source, target, group, id string, n int) {
	g, err := sarama.NewConsumerGroup([]string{broker}, group, config())
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var records []*sarama.ConsumerMessage
	must(g.Consume(ctx, []string{source}, member{source, func(r *sarama.ConsumerMessage) {
		if records = append(records, r); len(records) == n {
			cancel()
		}
	}}))
	must(g.Close())
	c := config()
	c.Producer.Transaction.ID = id
	p, err := sarama.NewSyncProducer([]string{broker}, c)
	must(err)
	for i := 0; i < n; i += 10 {
		for _, abort := range []bool{true, false} {
			if abort && i%30 != 0 {
				continue
			}
			some := records[i : i+10]
			must(p.BeginTxn())
			for _, r := range some {
				value := r.Value
				if abort {
					value = []byte("aborted")
				}
				_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: target,
					Key: encoder(r.Key), Value: encoder(value)})
				must(err)
			}
			last := some[len(some)-1]
			must(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{
				source: {{Partition: last.Partition, Offset: last.Offset + 1}}}, group))
			if abort {
				must(p.AbortTxn())
			} else {
				must(p.CommitTxn())
			}
		}
	}
	must(p.Close())
}

func admin(broker, topic string) {
	a, err := sarama.NewClusterAdmin([]string{broker}, config())
	must(err)
	retention := "3600000"
	must(a.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"retention.ms": &retention}}, false))
	partitions := func() int {
		d, err := a.DescribeTopics([]string{topic})
		must(err)
		return len(d[0].Partitions)
	}
	listed := func() bool {
		topics, err := a.ListTopics()
		must(err)
		_, found := topics[topic]
		return found
	}
	answer := map[string]any{"listed": listed(), "partitions": partitions()}
	settings, err := a.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	must(err)
	for _, s := range settings {
		if s.Name == "retention.ms" {
			answer["retention"] = s.Value
		}
	}
	must(a.CreatePartitions(topic, 5, nil, false))
	answer["more"] = partitions()
	must(a.DeleteTopic(topic))
	answer["deleted"] = !listed()
	record.Say(answer)
	must(a.Close())
}

func main() {
	a := os.Args[2:]
	switch os.Args[1] {
	case "produce":
		produce(a[0], a[1], a[2])
	case "consume":
		consume(a[0], a[1], a[2], a[3])
	case "transact":
		n, _ := strconv.Atoi(a[5])
		transact(a[0], a[1], a[2], a[3], a[4], n)
	case "admin":
		admin(a[0], a[1])
	default:
		fmt.Fprintln(os.Stderr, "no operation "+os.Args[1])
		os.Exit(64)
	}
}
