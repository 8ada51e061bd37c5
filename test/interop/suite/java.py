"""Apache Kafka's programs, of the jars that install.maven() has fetched."""
import os

import install
from suite import Process

TOOLS = ("3.9.2", "4.3.1")      # the last 3.9, the newest that is complete
OPTIONS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
           "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
PACKAGE = "org.apache.kafka.tools."
CLASSES = {
    "topics": PACKAGE + "TopicCommand",
    "console-producer": PACKAGE + "ConsoleProducer",
    "console-consumer": PACKAGE + "consumer.ConsoleConsumer",
    "consumer-groups": PACKAGE + "consumer.group.ConsumerGroupCommand",
    "configs": "kafka.admin.ConfigCommand",
    "get-offsets": PACKAGE + "GetOffsetShell",
    "delete-records": PACKAGE + "DeleteRecordsCommand",
    "log-dirs": PACKAGE + "LogDirsCommand",
    "transactions": PACKAGE + "TransactionsCommand",
    "producer-perf": PACKAGE + "ProducerPerformance",
    "consumer-perf": PACKAGE + "ConsumerPerformance",
    "e2e-latency": PACKAGE + "EndToEndLatency",
    "compatibility": PACKAGE + "ClientCompatibilityTest",
    "copier": PACKAGE + "TransactionalMessageCopier",
    "verifiable-producer": PACKAGE + "VerifiableProducer",
    "verifiable-consumer": PACKAGE + "VerifiableConsumer",
    "compaction": PACKAGE + "LogCompactionTester",
    "dump-log": PACKAGE + "DumpLogSegments",
    "acls": PACKAGE + "AclCommand",
    "api-versions": PACKAGE + "BrokerApiVersionsCommand",
    "features": PACKAGE + "FeatureCommand",
    "leader-election": PACKAGE + "LeaderElectionCommand",
    "reassign": PACKAGE + "reassign.ReassignPartitionsCommand",
    "word-count": "org.apache.kafka.streams.examples.wordcount.WordCountDemo",
    "connect-standalone": "org.apache.kafka.connect.cli.ConnectStandalone",
    "connect-distributed": "org.apache.kafka.connect.cli.ConnectDistributed",
    "mirror-maker": "org.apache.kafka.connect.mirror.MirrorMaker",
    "storage": "kafka.tools.StorageTool",
    "kafka": "kafka.Kafka",
}
BEFORE_4 = {                    # where they were
    "console-producer": "kafka.tools.ConsoleProducer",
    "dump-log": "kafka.tools.DumpLogSegments",
    "compaction": "kafka.tools.LogCompactionTester",
    "acls": "kafka.admin.AclCommand",
    "api-versions": "kafka.admin.BrokerApiVersionsCommand",
}


class Java:
    def __init__(self, case, version=None):
        self.case = case
        self.version = version or case.version
        self.libs = install.maven(case.into, "tools", self.version)

    def argv(self, tool, *args, options=()):
        cls = CLASSES[tool]
        if self.version.startswith("3."):
            cls = BEFORE_4.get(tool, cls)
        return ["java", *OPTIONS, *options, "-cp",
                os.path.join(self.libs, "*"), cls, *map(str, args)]

    def run(self, tool, *args, **kw):
        return self.case.run(self.argv(tool, *args), **kw)

    def at(self, broker, tool, *args, **kw):
        """A tool that is told the broker as most of them are."""
        return self.run(tool, "--bootstrap-server", broker.address, *args,
                        **kw)

    def start(self, tool, *args, **kw):
        return Process(self.case, tool, self.argv(tool, *args), **kw)

    def create(self, broker, topic, partitions=1, **settings):
        words = []
        for k, v in settings.items():
            words += ["--config", "%s=%s" % (k.replace("_", "."), v)]
        return self.at(broker, "topics", "--create", "--topic", topic,
                       "--partitions", partitions, *words)

    def produce(self, broker, topic, lines, *args, **kw):
        self.at(broker, "console-producer", "--topic", topic, *args,
                stdin="".join(s + "\n" for s in lines), **kw)

    def consume(self, broker, topic, n, *args, **kw):
        """n lines from the beginning, or those that come within the time."""
        return self.at(broker, "console-consumer", "--topic", topic,
                       "--from-beginning", "--max-messages", n,
                       "--timeout-ms", 20000, *args, **kw).splitlines()
