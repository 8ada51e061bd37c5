import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;

import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.*;

/** Applications that copy topics in transactions until a file is there: each
 *  its own topic in-K, with numbers for values, to the three partitions of
 *  out-K, with the offsets, under the id and group copy-K.  A quarter of the
 *  transactions is aborted, and now and then the producer is thrown away in the
 *  middle of one.  After an error that no abort settles a new producer with the
 *  same id takes over.  suite/java_chaos.py judges what is there then.
 *
 *  A record is "TXN INDEX COUNT VALUE".  For each transaction a line "K TXN COUNT
 *  END" is printed: END is committed, aborted (it never asked for a commit, or
 *  the abort was confirmed) or unknown.
 */
public class Chaos extends Thread {
	static final int PARTITIONS = 3, MOST = 8;

	static String broker;
	static Path stop;
	static long records;                    // of each topic in-K
	static final Map<String, Integer> errors = new TreeMap<>();
	static int producers;                   // guarded by errors

	final String name;
	final Random random;
	final KafkaConsumer<String, String> consumer;
	final Deque<ConsumerRecord<String, String>> ahead = new ArrayDeque<>();
	KafkaProducer<String, String> producer;
	int txns;

	Chaos(int k, long seed) {
		name = Integer.toString(k);
		random = new Random(seed + k);
		consumer = new KafkaConsumer<>(properties("group.id", "copy-" + k,
		    "auto.offset.reset", "earliest", "enable.auto.commit", "false",
		    "isolation.level", "read_committed"), new StringDeserializer(),
		    new StringDeserializer());
	}

	/** Quick to come back, which is all that differs from the defaults. */
	static Properties properties(String... settings) {
		Properties p = new Properties();
		p.put("bootstrap.servers", broker);
		p.put("reconnect.backoff.ms", "10");
		p.put("reconnect.backoff.max.ms", "50");
		p.put("retry.backoff.ms", "10");
		for (int i = 0; i < settings.length; i += 2)
			p.put(settings[i], settings[i + 1]);
		return p;
	}

	void failed(String where, RuntimeException e) {
		String what = where + " " + e.getClass().getSimpleName();
		synchronized (errors) {
			if (errors.merge(what, 1, Integer::sum) == 1)
				System.err.println(what + ": " + e.getMessage());
		}
	}

	/** What timed out may be asked again, and must be. */
	static void insist(Runnable call) {
		for (;;) {
			try {
				call.run();
				return;
			} catch (TimeoutException e) { /* again */ }
		}
	}

	/** As of an application that was killed and started again. */
	void renew() {
		for (;;) {
			if (producer != null)
				producer.close(Duration.ZERO);
			producer = new KafkaProducer<>(properties(
			    "transactional.id", "copy-" + name, "linger.ms", "0"),
			    new StringSerializer(), new StringSerializer());
			synchronized (errors) {
				producers++;
			}
			try {
				insist(producer::initTransactions);
				return;
			} catch (KafkaException e) {
				failed("init", e);
			}
		}
	}

	boolean stopped() {
		return Files.exists(stop);
	}

	/** The next few records; none when it is to stop. */
	List<ConsumerRecord<String, String>> take() {
		List<ConsumerRecord<String, String>> v = new ArrayList<>();
		while (ahead.isEmpty() && !stopped())
			consumer.poll(Duration.ofMillis(100)).forEach(ahead::add);
		for (int n = 1 + random.nextInt(MOST); n > 0 && !ahead.isEmpty(); n--)
			v.add(ahead.remove());
		if (!v.isEmpty() && v.get(v.size() - 1).offset() + 1 >= records)
			throw new IllegalArgumentException("in-" + name + " is too short");
		return v;
	}

	/** Back to where the transactions are. */
	void reposition() {
		ahead.clear();
		insist(() -> consumer.committed(consumer.assignment()).forEach((p, o) ->
		    consumer.seek(p, o == null ? 0 : o.offset())));
	}

	void write(int txn, List<ConsumerRecord<String, String>> v) {
		var last = v.get(v.size() - 1);
		producer.beginTransaction();
		for (int i = 0; i < v.size(); i++)
			producer.send(new ProducerRecord<>("out-" + name,
			    (int)(v.get(i).offset() % PARTITIONS), null, String.join(" ",
			    "" + txn, "" + i, "" + v.size(), v.get(i).value())));
		producer.sendOffsetsToTransaction(Map.of(new TopicPartition(
		    last.topic(), last.partition()), new OffsetAndMetadata(
		    last.offset() + 1)), consumer.groupMetadata());
	}

	/** Aborts, or leaves that to a new producer: is it known to be aborted? */
	boolean abort() {
		try {
			insist(producer::abortTransaction);
			return true;
		} catch (KafkaException | IllegalStateException e) {
			failed("abort", e);
			renew();
			return false;
		}
	}

	String transaction(int txn, List<ConsumerRecord<String, String>> v) {
		boolean asked = false;
		try {
			write(txn, v);
			int way = random.nextInt(40);
			if (way == 0) {
				renew();
			} else if (way < 10) {
				producer.flush();
				abort();
			} else {
				asked = true;
				insist(producer::commitTransaction);
				return "committed";
			}
		} catch (KafkaException | IllegalStateException e) {
			failed(asked ? "commit" : "write", e);
			if (!abort() && asked) {
				reposition();
				return "unknown";
			}
		}
		reposition();
		return "aborted";
	}

	@Override
	public void run() {
		consumer.subscribe(List.of("in-" + name));
		renew();
		for (var v = take(); !v.isEmpty(); v = take()) {
			int txn = txns++;
			String end = transaction(txn, v);
			synchronized (System.out) {
				System.out.println(String.join(" ", name, "" + txn,
				    "" + v.size(), end));
			}
		}
		producer.close();
		consumer.close();
	}

	/** BROKER FILE WORKERS RECORDS SEED */
	public static void main(String[] a) throws Exception {
		broker = a[0];
		stop = Path.of(a[1]);
		records = Long.parseLong(a[3]);
		List<Chaos> all = new ArrayList<>();
		Thread.setDefaultUncaughtExceptionHandler((t, e) -> {
			e.printStackTrace();
			Runtime.getRuntime().halt(1);
		});
		for (int k = 0; k < Integer.parseInt(a[2]); k++)
			all.add(new Chaos(k, Long.parseLong(a[4])));
		for (var w : all)
			w.start();
		for (var w : all)
			w.join();
		System.err.println("producers: " + producers + ", errors: " + errors);
	}
}
