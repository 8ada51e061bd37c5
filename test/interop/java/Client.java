import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** Apache Kafka's Java client, in the operations that suite/clients.py asks of
 *  every client: produce, consume, transact, admin. */
public class Client {
	static final ObjectMapper JSON = new ObjectMapper();
	static String broker;

	static void say(Map<String, ?> what) throws Exception {
		System.out.println(JSON.writeValueAsString(what));
		System.out.flush();
	}

	static String text(JsonNode n) {
		return n.isNull() ? null : n.asText();
	}

	static KafkaProducer<String, String> producer(String... settings) {
		return new KafkaProducer<>(properties(settings), new StringSerializer(),
		    new StringSerializer());
	}

	static Properties properties(String... settings) {
		Properties p = new Properties();
		p.put("bootstrap.servers", broker);
		for (int i = 0; i < settings.length; i += 2)
			p.put(settings[i], settings[i + 1]);
		return p;
	}

	static KafkaConsumer<String, String> consumer(String group, String isolation) {
		return new KafkaConsumer<>(properties("group.id", group,
		    "auto.offset.reset", "earliest", "enable.auto.commit", "false",
		    "isolation.level", isolation, "heartbeat.interval.ms", "500",
		    "session.timeout.ms", "10000"), new StringDeserializer(),
		    new StringDeserializer());
	}

	static void produce(String topic, String codec) throws Exception {
		List<Future<RecordMetadata>> sent = new ArrayList<>();
		try (var p = producer("compression.type", codec, "linger.ms", "5")) {
			for (Scanner in = new Scanner(System.in, StandardCharsets.UTF_8); in.hasNextLine();) {
				JsonNode r = JSON.readTree(in.nextLine());
				List<Header> headers = new ArrayList<>();
				for (JsonNode h : r.get("headers"))
					headers.add(new RecordHeader(h.get(0).asText(),
					    h.get(1).asText().getBytes(StandardCharsets.UTF_8)));
				sent.add(p.send(new ProducerRecord<>(topic, r.has("partition") ?
				    r.get("partition").asInt() : null, text(r.get("key")),
				    text(r.get("value")), headers)));
			}
			p.flush();
			for (var s : sent)
				s.get();
		}
	}

	static void consume(String topic, String group, String isolation) throws Exception {
		AtomicBoolean end = new AtomicBoolean();
		Thread watch = new Thread(() -> {
			try {
				System.in.readAllBytes();
			} catch (java.io.IOException e) { /* the end as well */ }
			end.set(true);
		});
		watch.setDaemon(true);
		watch.start();
		try (var c = consumer(group, isolation)) {
			c.subscribe(List.of(topic), new ConsumerRebalanceListener() {
				public void onPartitionsRevoked(Collection<TopicPartition> p) { }

				public void onPartitionsAssigned(Collection<TopicPartition> p) {
					try {
						say(Map.of("assigned", c.assignment().stream()
						    .map(TopicPartition::partition).sorted().toList()));
					} catch (Exception e) {
						throw new RuntimeException(e);
					}
				}
			});
			while (!end.get()) {
				var got = c.poll(Duration.ofMillis(100));
				for (var r : got) {
					Map<String, Object> m = new HashMap<>();
					m.put("partition", r.partition());
					m.put("offset", r.offset());
					m.put("key", r.key());
					m.put("value", r.value());
					List<List<String>> headers = new ArrayList<>();
					for (Header h : r.headers())
						headers.add(List.of(h.key(), new String(h.value(), StandardCharsets.UTF_8)));
					m.put("headers", headers);
					say(m);
				}
				try {
					if (!got.isEmpty())
						c.commitSync();
				} catch (CommitFailedException e) {     // in a rebalance: read again
					System.err.println("commit: " + e.getMessage());
				}
			}
		}
	}

	/** Copies n records in transactions of ten; each third one is aborted
	 *  first, and then done again. */
	static void transact(String source, String target, String group, String id, int n) {
		try (var c = consumer(group, "read_committed");
		    var p = producer("transactional.id", id)) {
			c.subscribe(List.of(source));
			p.initTransactions();
			List<ConsumerRecord<String, String>> records = new ArrayList<>();
			while (records.size() < n)
				c.poll(Duration.ofMillis(500)).forEach(records::add);
			for (int i = 0; i < n; i += 10)
				for (boolean abort : i % 30 == 0 ? new boolean[] {true, false} :
				    new boolean[] {false}) {
					Map<TopicPartition, OffsetAndMetadata> where = new HashMap<>();
					p.beginTransaction();
					for (var r : records.subList(i, i + 10)) {
						p.send(new ProducerRecord<>(target, r.key(),
						    abort ? "aborted" : r.value()));
						where.put(new TopicPartition(source, r.partition()),
						    new OffsetAndMetadata(r.offset() + 1));
					}
					p.sendOffsetsToTransaction(where, c.groupMetadata());
					if (abort) {
						p.flush();
						p.abortTransaction();
					} else
						p.commitTransaction();
				}
		}
	}

	static void admin(String topic) throws Exception {
		try (Admin a = Admin.create(properties())) {
			Map<String, Object> answer = new HashMap<>();
			a.createTopics(List.of(new NewTopic(topic, 3, (short) 1).configs(
			    Map.of("retention.ms", "3600000")))).all().get();
			answer.put("listed", a.listTopics().names().get().contains(topic));
			answer.put("partitions", partitions(a, topic));
			var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
			answer.put("retention", a.describeConfigs(List.of(resource)).all().get()
			    .get(resource).get("retention.ms").value());
			a.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
			answer.put("more", partitions(a, topic));
			a.deleteTopics(List.of(topic)).all().get();
			answer.put("deleted", !a.listTopics().names().get().contains(topic));
			say(answer);
		}
	}

	static int partitions(Admin a, String topic) throws Exception {
		return a.describeTopics(List.of(topic)).allTopicNames().get().get(topic)
		    .partitions().size();
	}

	public static void main(String[] a) throws Exception {
		broker = a[1];
		switch (a[0]) {
		case "produce" -> produce(a[2], a[3]);
		case "consume" -> consume(a[2], a[3], a[4]);
		case "transact" -> transact(a[2], a[3], a[4], a[5], Integer.parseInt(a[6]));
		case "admin" -> admin(a[2]);
		default -> System.exit(64);
		}
	}
}
